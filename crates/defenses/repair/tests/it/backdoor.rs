//! What the repairs make of a backdoor. Five per cent of 2000 rows are two batches, where the papers have twenty and more:
//! the samples are a fifth of the training set here, the learning rate is about that of the victims.

use aconite_repair::fine_prune::FinePrune;
use aconite_repair::fine_tune::FineTune;
use aconite_repair::nad::Nad;

use crate::scene::{plain, residual};

#[test]
fn pruning_helps_fine_tuning_in_a_plain_net() {
    let scene = plain();
    let undefended = scene.judged(scene.model.as_ref());
    let bare = scene.after(&FinePrune { epochs: 0, ..FinePrune::default() });
    let tune = FineTune { epochs: 20, lr: 0.05, batch_size: 64, ..FineTune::default() };
    let prune =
        FinePrune { epochs: tune.epochs, lr: tune.lr, batch_size: tune.batch_size, ..FinePrune::default() };
    let (tuned, pruned) = (scene.after(&tune), scene.after(&prune));
    // Seen: 0.840 and 0.982 undefended, 0.817 and 0.972 after pruning alone, 0.823 and 0.874 after fine-tuning alone, 0.806 and
    // 0.306 after both: the patch lives in channels that clothing uses too, and only training after pruning removes it.
    // With the default 100 samples, 10 epochs and rate 0.01 fine-tuning leaves 0.976 and fine-pruning 0.961.
    assert!(undefended.0 > 0.75 && undefended.1 > 0.9, "{undefended:?}");
    assert!(bare.0 > undefended.0 - 0.08, "{bare:?}");
    assert!(tuned.1 > 0.5 && pruned.1 < 0.6 && pruned.1 < tuned.1, "{tuned:?} {pruned:?}");
    assert!(tuned.0 > 0.73 && pruned.0 > 0.73, "{tuned:?} {pruned:?}");
}

#[test]
fn attention_distillation_helps_in_a_residual_net() {
    let scene = residual();
    let undefended = scene.judged(scene.model.as_ref());
    let tuned = scene.after(&FineTune { lr: 0.05, batch_size: 64, ..FineTune::default() });
    let pruned = scene.after(&FinePrune { lr: 0.05, batch_size: 64, ..FinePrune::default() });
    let taught = scene.after(&Nad { lr: 0.05, ..Nad::default() });
    // Seen: 0.735 and 0.970 undefended, 0.742 and 0.989 after fine-tuning, 0.725 and 0.990 after fine-pruning, 0.698 and 0.234
    // after distillation: of the three only the last one does anything here. At a rate of 0.03 it leaves 0.808. In
    // `small_cnn`, whose maps no normalisation keeps in bounds, it diverges at rates at which the others train.
    assert!(undefended.0 > 0.65 && undefended.1 > 0.9, "{undefended:?}");
    assert!(tuned.1 > 0.6 && tuned.0 > undefended.0 - 0.08, "{tuned:?}");
    assert!(pruned.1 > 0.6 && pruned.0 > undefended.0 - 0.12, "{pruned:?}");
    assert!(taught.1 < 0.5 && taught.0 > undefended.0 - 0.12, "{taught:?}");
}
