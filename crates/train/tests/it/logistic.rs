use aconite_core::{Learner, Rows, Seed, Silent};
use aconite_train::victims::logistic::Logistic;
use tch::Tensor;

use crate::table::{eights, table};

fn close(tensor: &Tensor, golden: &[f64], tolerance: f64) {
    let ours: Vec<f64> = Vec::try_from(tensor.contiguous().flatten(0, -1)).unwrap();
    assert_eq!(ours.len(), golden.len());
    assert!(ours.iter().zip(golden).all(|(o, g)| (o - g).abs() < tolerance), "{ours:?} {golden:?}");
}

// m = sklearn.linear_model.LogisticRegression(C=c, tol=1e-12, max_iter=10000).fit(X, y); m.coef_.T, m.intercept_
#[test]
fn coefficients_are_scikit_learns() {
    aconite_train::set_threads(1);
    let two = [
        (1.0, [-1.349_352_06, 0.792_732_77, -0.270_169_82], -0.378_409_21),
        (0.05, [-0.277_121_71, 0.189_959_43, -0.035_858_16], -0.074_733_28),
    ];
    for (c, weight, bias) in two {
        let model = Logistic { c, ..Logistic::default() }.fit(&eights(2), Seed(0), &mut Silent).unwrap();
        let tensors = model.tensors();
        // Stored are the halves that make −z/2 and z/2.
        close(&(&tensors["weight"] * 2.0), &weight, 1e-6);
        close(&(&tensors["bias"] * 2.0), &[bias], 1e-6);
        let scores = model.scores(eights(2).rows()).unwrap();
        let odds = scores.select(1, 1) - scores.select(1, 0);
        let z = 0.7 * weight[0] - 1.32 * weight[1] - 0.25 * weight[2] + bias;
        assert!((odds.double_value(&[0]) - z).abs() < 1e-5);
    }
    #[rustfmt::skip]
    let three = [
        (1.0, [0.892_315_62, -0.958_757_63, 0.066_442_02, -0.239_795_09, 0.640_359_53, -0.400_564_44,
               -0.207_313_51, -0.504_419_44, 0.711_732_96], [-0.164_614_54, 0.090_518_18, 0.074_096_37]),
        (0.05, [0.251_938_96, -0.253_845_64, 0.001_906_68, -0.008_215_82, 0.168_857_99, -0.160_642_17,
                -0.021_158_97, -0.189_085_98, 0.210_244_95], [-0.087_913_4, 0.043_568_7, 0.044_344_7]),
    ];
    for (c, weight, bias) in three {
        let tensors =
            Logistic { c, ..Logistic::default() }.fit(&eights(3), Seed(0), &mut Silent).unwrap().tensors();
        close(&tensors["weight"], &weight, 1e-6);
        close(&tensors["bias"], &bias, 1e-6);
    }
}

#[test]
fn a_class_without_rows_is_never_predicted() {
    aconite_train::set_threads(1);
    let three = eights(3);
    let kept: Vec<usize> = (0..16).map(|row| if row < 8 { row } else { row + 8 }).collect();
    let data = three.select(&kept).unwrap();
    let model = Logistic::default().fit(&data, Seed(0), &mut Silent).unwrap();
    assert!(model.predict(three.rows()).unwrap().iter().all(|&label| label != 1));
    // The two classes that are left are told apart as by a binary model.
    let labels = data.labels().iter().map(|&l| l / 2).collect();
    let rows: Vec<[f32; 3]> =
        data.rows().table().unwrap().values().chunks(3).map(|r| [r[0], r[1], r[2]]).collect();
    let binary = Logistic::default().fit(&table(&rows, labels, 2), Seed(0), &mut Silent).unwrap();
    let (ours, theirs) = (model.scores(three.rows()).unwrap(), binary.scores(three.rows()).unwrap());
    assert_eq!(ours.select(1, 0), theirs.select(1, 0));
    for classes in [2, 3] {
        let data = table(&rows, vec![1; rows.len()], classes);
        let model = Logistic::default().fit(&data, Seed(0), &mut Silent).unwrap();
        assert_eq!(model.predict(data.rows()).unwrap(), vec![1; rows.len()]);
    }
}

#[test]
fn relearning_finds_the_same_optimum() {
    aconite_train::set_threads(1);
    for classes in [2, 3] {
        let data = eights(classes);
        let mut again = Logistic::default().relearns(data.rows(), classes).unwrap().unwrap();
        for row in [0, 5, 9] {
            let mut flipped = data.clone();
            flipped.labels_mut()[row] = (data.labels()[row] + 1) % classes;
            let warm = again.relearn(flipped.labels()).unwrap().tensors();
            let cold = Logistic::default().fit(&flipped, Seed(0), &mut Silent).unwrap().tensors();
            for (name, tensor) in &cold {
                assert!((tensor - &warm[name]).abs().max().double_value(&[]) < 1e-5, "{name}");
            }
        }
    }
}

#[test]
fn stored_models_come_back_to_the_bit() {
    aconite_train::set_threads(1);
    let data = eights(3);
    let learner = Logistic::default();
    let model = learner.fit(&data, Seed(0), &mut Silent).unwrap();
    let restored = learner.restore(&data.info(), &model.tensors()).unwrap();
    assert_eq!(restored.tensors(), model.tensors());
    assert_eq!(restored.scores(data.rows()).unwrap(), model.scores(data.rows()).unwrap());
    assert_eq!(model.tensors(), learner.fit(&data, Seed(1), &mut Silent).unwrap().tensors());
    assert!(learner.restore(&eights(2).info(), &model.tensors()).is_err());
    let Rows::Table(table) = data.rows() else { unreachable!() };
    let features: Vec<f32> = Vec::try_from(model.features(data.rows()).unwrap().flatten(0, -1)).unwrap();
    assert_eq!(features, table.values());
    assert_eq!(learner.work(&data.info()).features, 3.0);
}

#[test]
fn what_does_not_fit_is_refused() {
    for c in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = Logistic { c, ..Logistic::default() }.check(&eights(2).info()).unwrap_err();
        assert_eq!(error.setting.as_deref(), Some("c"));
    }
    let single = table(&[[0.0; 3]], vec![0], 1).info();
    assert!(Logistic::default().check(&single).unwrap_err().message.contains("single class"));
}

#[test]
fn the_order_of_rows_does_not_matter() {
    aconite_train::set_threads(1);
    for classes in [2, 3] {
        let data = eights(classes);
        let model = Logistic::default().fit(&data, Seed(0), &mut Silent).unwrap().tensors();
        let order: Vec<usize> = (0..data.len()).collect();
        for seed in 0..4 {
            let mixed = data.select(&Seed(seed).shuffled(&order)).unwrap();
            let other = Logistic::default().fit(&mixed, Seed(0), &mut Silent).unwrap().tensors();
            for (name, tensor) in &model {
                assert!((tensor - &other[name]).abs().max().double_value(&[]) < 1e-6, "{name}");
            }
        }
    }
}

#[test]
fn separable_rows_end_where_the_gradient_does() {
    aconite_train::set_threads(1);
    // One input tells the classes apart, so that nothing but the penalty bounds its weight. With z = wx + b and rows
    // at ±1 the optimum is b = 0, w = 2C/(1 + exp(w)) for one row of each class.
    let data = table(&[[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]], vec![0, 1], 2);
    for c in [1.0, 1e3, 1e6] {
        let tensors =
            Logistic { c, ..Logistic::default() }.fit(&data, Seed(0), &mut Silent).unwrap().tensors();
        let weight: Vec<f64> = Vec::try_from((&tensors["weight"] * 2.0).flatten(0, -1)).unwrap();
        let residual = weight[0] - 2.0 * c / (1.0 + weight[0].exp());
        assert!(residual.abs() < 1e-5 && weight[1..] == [0.0, 0.0], "{c}: {weight:?}, off by {residual}");
        assert!(tensors["bias"].double_value(&[0]).abs() < 1e-6);
    }
}

#[test]
fn what_does_not_converge_is_an_error() {
    aconite_train::set_threads(1);
    for classes in [2, 3] {
        let error = Logistic { c: 1e300, ..Logistic::default() }
            .fit(&eights(classes), Seed(0), &mut Silent)
            .err()
            .unwrap();
        assert!(error.message.contains("converge") || error.message.contains("finite"), "{error}");
        assert!(error.hint.unwrap().contains("lower c"));
    }
    // Columns of very different sizes are no reason to fail.
    let rows: Vec<[f32; 3]> = (0..16u8).map(|i| [1e6 * f32::from(i % 5), f32::from(i % 3), 1e-3]).collect();
    let data = table(&rows, (0..16).map(|i| usize::from(i % 3 == 0)).collect(), 2);
    let model = Logistic::default().fit(&data, Seed(0), &mut Silent).unwrap();
    assert_eq!(model.predict(data.rows()).unwrap(), data.labels());
}
