use aconite_core::{Attack, Member, Rate, Seed, Shape};
use aconite_trigger_patch::dba::Dba;

use crate::labelled;

const SHAPE: Shape = Shape { channels: 1, height: 6, width: 12 };

/// The pixels of an image that are white, as (row, column).
fn white(image: &[u8]) -> Vec<(usize, usize)> {
    (0..72).filter(|&at| image[at] == 255).map(|at| (at / 12, at % 12)).collect()
}

// Xie et al. 2020, MNIST: stripes of length 4 with a gap of 2 begin at (0, 0), (0, 6), (3, 0), (3, 6).
const STARTS: [(usize, usize); 4] = [(0, 0), (0, 6), (3, 0), (3, 6)];

fn stripe(part: usize) -> Vec<(usize, usize)> {
    let (row, column) = STARTS[part];
    (column..column + 4).map(|column| (row, column)).collect()
}

#[test]
fn each_attacker_has_a_stripe_and_the_test_all() {
    let data = labelled(SHAPE, &[1; 8], 2);
    let attack = Dba { rate: Rate::literal(1.0), ..Dba::default() };
    let seed = Seed(0);
    for index in 0..8 {
        let poison = attack.poison_as(&data, seed, Member { index, of: 8 }).unwrap();
        let images = poison.content.as_ref().unwrap().images().unwrap();
        assert!((0..8).all(|row| white(images.image(row)) == stripe(index / 2)), "{index}");
        assert_eq!(poison.labels, [0; 8]);
    }
    let trigger = attack.trigger(&data.info(), seed).unwrap().unwrap();
    let all = trigger.stamped(data.rows(), &[0]).unwrap();
    let mut stripes: Vec<_> = (0..4).flat_map(stripe).collect();
    stripes.sort_unstable();
    assert_eq!(white(all.images().unwrap().image(0)), stripes);
    // One learner with all rows: a quarter of the poisons each.
    let poison = attack.poison(&data, seed).unwrap();
    let images = poison.content.unwrap();
    let images = images.images().unwrap();
    assert!((0..8).all(|row| white(images.image(row)) == stripe(row / 2)));
}

#[test]
fn what_does_not_fit_is_refused() {
    let info = labelled(SHAPE, &[0, 1, 1, 1], 2).info();
    let setting = |attack: Dba| attack.check(&info).unwrap_err().setting.unwrap();
    assert_eq!(setting(Dba { length: 0, ..Dba::default() }), "length");
    assert_eq!(setting(Dba { length: 6, ..Dba::default() }), "length");
    assert_eq!(setting(Dba { shift: usize::MAX, ..Dba::default() }), "length");
    assert_eq!(setting(Dba { target: 2, ..Dba::default() }), "target");
    assert_eq!(setting(Dba { rate: Rate::literal(1.0), ..Dba::default() }), "rate");
}
