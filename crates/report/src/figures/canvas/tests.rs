use plotters::prelude::FontStyle;
use plotters::style::register_font;
use resvg::usvg;

use super::raster::options;
use super::words::register;
use super::*;

const BLACK: Ink = Ink::rgb(0, 0, 0);

#[test]
fn base64_is_that_of_rfc_4648() {
    let golden = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
    for (plain, coded) in golden {
        assert_eq!(base64(plain.as_bytes()), coded);
    }
}

#[test]
fn the_embedded_fonts_are_found_and_texts_are_as_wide_as_they_are_drawn() {
    register();
    assert!(register_font("probe", FontStyle::Normal, REGULAR).is_ok());
    assert!(register_font("probe", FontStyle::Bold, SEMIBOLD).is_ok());
    for style in [Type::new(16.0, BLACK), Type::new(16.0, BLACK).bold()] {
        let text = "attack success 98.7 ± 1.2 % → ×3 ≥ −1";
        let mut canvas = Canvas::default();
        canvas.text((10.0, 20.0), text, style, Align::Left);
        let svg = canvas.svg("probe", "", (600.0, 40.0)).unwrap();
        let tree = usvg::Tree::from_str(&svg, &options()).unwrap();
        let ours = style.width(text);
        let drawn = text_width(tree.root()).unwrap();
        assert!((drawn - ours).abs() < 0.03 * ours, "{drawn} drawn, {ours} measured");
    }
    let bold = Type::new(16.0, BLACK).bold();
    assert!(bold.width("attack success") > Type::new(16.0, BLACK).width("attack success"));
}

fn text_width(group: &usvg::Group) -> Option<f64> {
    group.children().iter().find_map(|node| match node {
        usvg::Node::Group(group) => text_width(group),
        usvg::Node::Text(text) => Some(f64::from(text.abs_bounding_box().width())),
        _ => None,
    })
}

#[test]
fn long_texts_are_cut_or_wrapped() {
    let style = Type::new(14.0, BLACK);
    let long = "spectral_signatures with a very long name";
    assert!(style.width(&style.fit(long, 90.0)) <= 90.0);
    assert_eq!(style.fit("short", 90.0), "short");
    let lines = style.wrap(long, 90.0, 3);
    assert!(lines.len() == 3 && lines.iter().all(|l| style.width(l) <= 90.0), "{lines:?}");
    assert_eq!(
        style.wrap("spectral_signatures → fine_prune", 160.0, 3),
        ["spectral_signatures →", "fine_prune"]
    );
    assert_eq!(style.wrap("spectral_signatures", 90.0, 3), ["spectral_", "signatures"]);
    assert_eq!(style.fit("x", 0.0), "…");
    assert!(style.fit("badnets with a long name size=3", 120.0).ends_with("=3"));
}

#[test]
fn dashes_cover_the_line_by_their_share() {
    let mut canvas = Canvas::default();
    canvas.dashed(&[(0.0, 0.0), (30.0, 0.0), (30.0, 30.0)], &[4.0, 2.0], 1.0, BLACK);
    let drawn: f64 = canvas
        .shapes
        .iter()
        .map(|s| match s {
            Shape::Path { points, .. } => (points[1].0 - points[0].0).hypot(points[1].1 - points[0].1),
            _ => 0.0,
        })
        .sum();
    assert!((drawn - 40.0).abs() < 1e-6, "{drawn}");
}
