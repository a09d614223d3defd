use aconite_core::{ImageTrigger, Shape};
use aconite_trigger_patch::corner::{Figure, Fill};

const GREY: Shape = Shape { channels: 1, height: 5, width: 5 };
const COLOUR: Shape = Shape { channels: 3, height: 8, width: 8 };

/// Draws the figure on grey images of value 100: `#` white, ` ` black, `.` untouched, one string a row.
fn drawn(figure: &Figure, shape: Shape) -> Vec<String> {
    let mut image = vec![100; shape.pixels()];
    figure.stamp(&mut image, shape);
    let sign = |byte: u8| match byte {
        255 => '#',
        0 => ' ',
        100 => '.',
        other => panic!("{other}"),
    };
    let channels: Vec<Vec<String>> = image
        .chunks(shape.height * shape.width)
        .map(|c| c.chunks(shape.width).map(|row| row.iter().map(|&b| sign(b)).collect()).collect())
        .collect();
    assert!(channels.iter().all(|channel| *channel == channels[0]), "all channels alike");
    channels[0].clone()
}

#[test]
fn a_pixel_is_one_from_the_corner() {
    assert_eq!(drawn(&Figure::pixel(1), GREY), [".....", ".....", ".....", "...#.", "....."]);
    assert_eq!(drawn(&Figure::pixel(0), GREY)[4], "....#");
}

#[test]
fn a_pattern_is_four_pixels() {
    assert_eq!(drawn(&Figure::pattern(1), GREY), [".....", "...#.", "..#..", ".#.#.", "....."]);
    let on_colour = drawn(&Figure::pattern(1), COLOUR);
    assert_eq!(on_colour[3..], ["........", "......#.", ".....#..", "....#.#.", "........"]);
    assert!(on_colour[..3].iter().all(|row| row == "........"));
}

#[test]
fn a_patch_is_a_square_with_a_margin() {
    assert_eq!(drawn(&Figure::patch(3, Fill::White, 1), GREY), [".....", ".###.", ".###.", ".###.", "....."]);
    assert_eq!(
        drawn(&Figure::patch(3, Fill::Checkerboard, 1), GREY),
        [".....", ".# #.", ". # .", ".# #.", "....."]
    );
    let on_colour = drawn(&Figure::patch(3, Fill::White, 1), COLOUR);
    assert_eq!(on_colour[3..], ["........", "....###.", "....###.", "....###.", "........"]);
    let even = drawn(&Figure::patch(2, Fill::Checkerboard, 0), GREY);
    assert_eq!(even[3..], ["...# ", "... #"]);
}

#[test]
fn what_it_needs_is_what_it_says() {
    assert_eq!(Figure::pixel(1).extent(), (2, 2));
    assert_eq!(Figure::pattern(2).extent(), (5, 5));
    assert_eq!(Figure::patch(3, Fill::White, 1).extent(), (4, 4));
    assert!(Figure::patch(4, Fill::White, 1).fits(GREY) && !Figure::patch(5, Fill::White, 1).fits(GREY));
    // A figure beyond the edge stamps what lies on the image.
    let narrow = Shape { channels: 1, height: 2, width: 1 };
    assert_eq!(drawn(&Figure::patch(2, Fill::White, 0), narrow), ["#", "#"]);
}
