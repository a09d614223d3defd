use aconite_core::{Dataset, Learner, Seed, Silent};
use aconite_train::victims::svm::{Kernel, Svm};
use tch::Kind;

use crate::table::{eights, table};

fn rbf(gamma: Option<f64>, c: f64) -> Svm {
    Svm { kernel: Kernel::Rbf, gamma, c, ..Svm::default() }
}

fn linear(c: f64) -> Svm {
    Svm { c, ..Svm::default() }
}

/// Decision values of every third row.
fn decisions(svm: &Svm, data: &Dataset) -> Vec<f64> {
    let model = svm.fit(data, Seed(0), &mut Silent).unwrap();
    let scores = model.scores(data.rows()).unwrap().slice(0, None, None, 3);
    let scores = if data.num_classes() == 2 {
        assert_eq!(scores.select(1, 0), -scores.select(1, 1));
        scores.select(1, 1)
    } else {
        scores
    };
    Vec::try_from(scores.to_kind(Kind::Double).contiguous().flatten(0, -1)).unwrap()
}

// m = sklearn.svm.SVC(tol=1e-10, kernel=…, C=…, gamma=…)
// if k > 2: m = sklearn.multiclass.OneVsRestClassifier(m)
// m.fit(X, y).decision_function(X[::3])
#[test]
fn decision_values_are_scikit_learns() {
    aconite_train::set_threads(1);
    #[rustfmt::skip]
    let golden: [(Svm, usize, &[f64]); 8] = [
        (linear(1.0), 2, &[-1.259591, -3.045155, -1.0, 0.75268, 1.447934, 1.0]),
        (rbf(None, 1.0), 2, &[-1.0, -1.0, -1.0, 0.710125, 1.0, 1.0]),
        (linear(0.05), 2, &[-0.952976, -1.221664, -0.670688, 0.046451, 0.187004, 0.531783]),
        (rbf(Some(0.3), 10.0), 2, &[-1.343747, -1.0, -1.503372, 1.146568, 1.503039, 1.0]),
        (linear(1.0), 3, &[
            0.438578, -2.645769, -0.207269, 0.806316, -1.918169, -1.0, 1.0, -2.719737, -0.796789, -1.363012, 2.074845,
            -1.794093, -1.802454, 2.89532, -1.773887, -1.689413, 0.909053, -0.525491, -1.030352, -1.979992, 1.0,
            0.024962, -2.056105, -0.162882]),
        (rbf(None, 1.0), 3, &[
            0.147869, -1.08527, -0.592676, 0.754505, -1.0, -1.0, 0.479176, -1.037067, -0.973446, -1.0, 1.0, -1.208011,
            -1.0, 1.0, -1.0, -1.001801, 0.534374, -0.843133, -1.0, -1.217297, 0.975555, -0.193038, -1.061444,
            -0.278686]),
        (linear(0.05), 3, &[
            -0.676881, -1.303348, -0.41651, -0.596066, -0.888201, -0.936473, -0.553714, -1.312912, -0.555359,
            -1.083459, 0.599185, -1.0, -1.180177, 1.0, -1.25939, -1.152139, 0.094052, -0.626364, -1.0, -1.065593,
            -0.201695, -0.768703, -1.060252, -0.469529]),
        (rbf(Some(0.3), 10.0), 3, &[
            0.51053, -1.150073, -0.635174, 1.0, -1.020296, -1.0, 0.468272, -1.215995, -0.444902, -1.0, 1.0, -1.701568,
            -1.285818, 1.0, -1.497547, -1.044145, 1.0, -1.0, -1.646864, -1.781151, 1.763302, -0.599005, -1.0,
            0.117185]),
    ];
    for (svm, classes, golden) in golden {
        let ours = decisions(&svm, &eights(classes));
        assert_eq!(ours.len(), golden.len());
        // The goldens have six decimals; single precision is the larger error.
        assert!(ours.iter().zip(golden).all(|(o, g)| (o - g).abs() < 1e-5), "{svm:?}\n{ours:?}\n{golden:?}");
    }
}

#[test]
fn relearning_finds_the_same_optimum() {
    aconite_train::set_threads(1);
    for svm in [linear(1.0), linear(0.05), rbf(None, 1.0), rbf(Some(0.3), 10.0)] {
        for classes in [2, 3] {
            let data = eights(classes);
            let mut again = svm.relearns(data.rows(), classes).unwrap().unwrap();
            let mut flipped = data.clone();
            for row in [0, 5, 9, 0, 2] {
                flipped.labels_mut()[row] = (flipped.labels()[row] + 1) % classes;
                let warm = again.relearn(flipped.labels()).unwrap().scores(data.rows()).unwrap();
                let cold = svm.fit(&flipped, Seed(0), &mut Silent).unwrap().scores(data.rows()).unwrap();
                assert!((&warm - &cold).abs().max().double_value(&[]) < 1e-5, "{svm:?} {warm} {cold}");
            }
        }
    }
}

#[test]
fn a_class_without_rows_loses_everywhere() {
    aconite_train::set_threads(1);
    for svm in [linear(1.0), rbf(None, 1.0)] {
        let three = eights(3);
        let data = three.select(&(0..16).collect::<Vec<_>>()).unwrap();
        let model = svm.fit(&data, Seed(0), &mut Silent).unwrap();
        let of_absent = model.scores(three.rows()).unwrap().select(1, 2);
        assert!(f64::try_from((of_absent + 1.0).abs().max()).unwrap() == 0.0);
        let one = three.select(&(0..8).collect::<Vec<_>>()).unwrap();
        let model = svm.fit(&one, Seed(0), &mut Silent).unwrap();
        assert_eq!(model.predict(three.rows()).unwrap(), [0; 24]);
        // Identical rows under both labels.
        let twins = table(&[[1.0, 2.0, 3.0]; 6], vec![0, 1, 0, 1, 0, 0], 2);
        let model = svm.fit(&twins, Seed(0), &mut Silent).unwrap();
        assert_eq!(model.predict(twins.rows()).unwrap(), [0; 6]);
    }
}

#[test]
fn stored_models_come_back_to_the_bit() {
    aconite_train::set_threads(1);
    for svm in [linear(1.0), rbf(None, 1.0)] {
        for classes in [2, 3] {
            let data = eights(classes);
            let model = svm.fit(&data, Seed(0), &mut Silent).unwrap();
            let restored = svm.restore(&data.info(), &model.tensors()).unwrap();
            assert_eq!(restored.tensors(), model.tensors());
            assert_eq!(restored.scores(data.rows()).unwrap(), model.scores(data.rows()).unwrap());
            assert_eq!(model.tensors(), svm.fit(&data, Seed(1), &mut Silent).unwrap().tensors());
            assert_eq!(model.features(data.rows()).unwrap().size(), [data.len() as i64, 3]);
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let info = eights(2).info();
    let setting = |svm: Svm| svm.check(&info).unwrap_err().setting;
    for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(setting(linear(wrong)).as_deref(), Some("c"));
        assert_eq!(setting(rbf(Some(wrong), 1.0)).as_deref(), Some("gamma"));
    }
    let mut large = info.clone();
    large.rows = vec![6_000, 6_000];
    assert!(linear(1.0).check(&large).is_ok());
    let error = rbf(None, 1.0).check(&large).unwrap_err();
    assert!(error.setting.as_deref() == Some("kernel") && error.message.contains("12000"), "{error}");
}

#[test]
fn the_order_of_rows_does_not_matter() {
    aconite_train::set_threads(1);
    for svm in [linear(1.0), rbf(None, 1.0)] {
        for classes in [2, 3] {
            let data = eights(classes);
            let scores = svm.fit(&data, Seed(0), &mut Silent).unwrap().scores(data.rows()).unwrap();
            let order: Vec<usize> = (0..data.len()).collect();
            for seed in 0..4 {
                let mixed = data.select(&Seed(seed).shuffled(&order)).unwrap();
                let other = svm.fit(&mixed, Seed(0), &mut Silent).unwrap().scores(data.rows()).unwrap();
                assert!((&scores - &other).abs().max().double_value(&[]) < 1e-5, "{svm:?} {classes}");
            }
        }
    }
}

#[test]
fn separable_rows_get_the_widest_margin() {
    aconite_train::set_threads(1);
    // The nearest rows of both classes lie at (±1, ·, 0): the widest margin is |x| < 1, f(x) = x.
    let rows = [
        [-1.0, 3.0, 0.0],
        [-1.0, -2.0, 0.0],
        [-4.0, 1.0, 0.0],
        [1.0, 3.0, 0.0],
        [1.0, -2.0, 0.0],
        [2.0, 0.0, 0.0],
    ];
    let data = table(&rows, vec![0, 0, 0, 1, 1, 1], 2);
    for c in [1.0, 1e3, 1e6] {
        let tensors = linear(c).fit(&data, Seed(0), &mut Silent).unwrap().tensors();
        let weight: Vec<f64> = Vec::try_from(tensors["weight"].flatten(0, -1)).unwrap();
        let off = |value: f64, wanted: f64| (value - wanted).abs();
        assert!(
            off(weight[0], 1.0) < 1e-5 && off(weight[1], 0.0) < 1e-5 && weight[2] == 0.0,
            "{c}: {weight:?}"
        );
        assert!(off(tensors["bias"].double_value(&[0]), 0.0) < 1e-5);
    }
}

#[test]
fn what_does_not_converge_is_an_error() {
    aconite_train::set_threads(1);
    for svm in [linear(1e300), rbf(None, 1e300)] {
        for classes in [2, 3] {
            let error = svm.fit(&eights(classes), Seed(0), &mut Silent).err().unwrap();
            assert!(error.message.contains("converge") || error.message.contains("finite"), "{error}");
            assert!(error.hint.unwrap().contains("standardise"));
        }
    }
}
