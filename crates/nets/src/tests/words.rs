//! Nets that read words.

use super::*;
use crate::embedding_bag::EmbeddingBag;
use crate::text_cnn::TextCnn;

/// The function of i·step for i from 0 on.
fn wave(shape: &[i64], step: f64, of: impl Fn(&Tensor) -> Tensor) -> Tensor {
    let numbers = Tensor::arange(shape.iter().product::<i64>(), (Kind::Double, Device::Cpu));
    of(&(numbers * step)).view(shape).to_kind(Kind::Float)
}

fn built(net: &dyn Net, weights: Vec<(&str, Tensor)>) -> Box<dyn Network> {
    let named = weights.into_iter().map(|(name, weight)| (name.to_owned(), weight)).collect();
    let shape = Shape { channels: 1, height: 1, width: 4 };
    net.check(shape, 2, Kind::Float).unwrap();
    net.build(&mut Params::stored(named), shape, 2).unwrap()
}

fn assert_logits(network: &dyn Network, golden: [f64; 6]) {
    let words = Tensor::from_slice(&[1i64, 3, 2, 0, 4, 4, 0, 0, 0, 0, 0, 0]).view([3, 4]);
    let logits = network.logits(&words, F32);
    assert_eq!(logits.size(), [3, 2]);
    let ours = Vec::<f64>::try_from(logits.to_kind(Kind::Double).flatten(0, -1)).unwrap();
    assert!(ours.iter().zip(golden).all(|(o, g)| (o - g).abs() < 1e-6), "{ours:?}\n{golden:?}");
}

fn head_bias() -> (&'static str, Tensor) {
    ("head.bias", Tensor::from_slice(&[0.1f32, -0.2]))
}

// ids = np.array([[1,3,2,0],[4,4,0,0],[0,0,0,0]])
// E = np.sin(np.arange(15)).reshape(5,3); W = np.cos(np.arange(6)).reshape(2,3); b = [.1,-.2]
// E0 = E*(np.arange(5)>0)[:,None]
// E0[ids].sum(1)/np.maximum((ids>0).sum(1),1)[:,None] @ W.T + b
#[test]
fn an_embedding_bag_with_numbers() {
    let net = EmbeddingBag { vocabulary: 4, length: 4, dim: 3 };
    let weights = vec![
        ("embedding.weight", wave(&[5, 3], 1.0, Tensor::sin)),
        ("head.weight", wave(&[2, 3], 1.0, Tensor::cos)),
        head_bias(),
    ];
    let golden = [0.209_811_38, -0.241_756_40, -0.621_793_82, 0.337_561_51, 0.1, -0.2];
    assert_logits(built(&net, weights).as_ref(), golden);
}

// K = [np.cos(np.arange(6*h)*.7).reshape(2,3,h) for h in (1,2)]; c = [[.1,.2],[-.1,0]]
// H = np.sin(np.arange(8)*.3).reshape(2,4); x = E0[ids]; f = []
// for k, bb in zip(K, c):
//     h = k.shape[2]
//     o = np.stack([np.einsum('bld,mdl->bm', x[:,i:i+h], k) + bb for i in range(4-h+1)], -1)
//     f.append(np.maximum(o.max(-1), 0))
// np.concatenate(f, 1) @ H.T + b
#[test]
fn a_text_cnn_with_numbers() {
    let net = TextCnn { vocabulary: 4, length: 4, dim: 3, widths: vec![1, 2], maps: 2, dropout: 0.5 };
    let weights = vec![
        ("embedding.weight", wave(&[5, 3], 1.0, Tensor::sin)),
        ("conv1.weight", wave(&[2, 3, 1], 0.7, Tensor::cos)),
        ("conv1.bias", Tensor::from_slice(&[0.1f32, 0.2])),
        ("conv2.weight", wave(&[2, 3, 2], 0.7, Tensor::cos)),
        ("conv2.bias", Tensor::from_slice(&[-0.1f32, 0.0])),
        ("head.weight", wave(&[2, 4], 0.3, Tensor::sin)),
        head_bias(),
    ];
    let golden = [3.027_425_93, 5.476_300_51, 1.575_133_84, 1.653_137_22, 0.159_104_04, 0.092_702_91];
    assert_logits(built(&net, weights).as_ref(), golden);
}

#[test]
fn features_are_left_out_in_training_alone() {
    let (shape, train) =
        (Shape { channels: 1, height: 1, width: 4 }, Mode { train: true, kind: Kind::Float });
    let words = Tensor::from_slice(&[1i64, 3, 2, 0, 4, 4, 1, 0]).view([2, 4]);
    let net = |dropout| TextCnn { vocabulary: 4, length: 4, dim: 3, widths: vec![1, 2], maps: 100, dropout };
    let build = |dropout| net(dropout).build(&mut Params::fresh(Seed(3)), shape, 2).unwrap();
    let (network, again, plain) = (build(0.25), build(0.25), build(0.0));
    let whole = network.features(&words, F32);
    assert_eq!(whole, network.features(&words, F32));
    // It draws behind the weights, which are those of a net without it.
    assert_eq!(network.logits(&words, F32), plain.logits(&words, F32));
    assert_eq!(plain.features(&words, train), whole);
    let (one, other) = (network.features(&words, train), network.features(&words, train));
    assert_ne!(one, other);
    assert_eq!((one.copy(), other), (again.features(&words, train), again.features(&words, train)));
    // Of those above 0 in inference about a quarter is 0, the others are a third larger.
    let there = whole.gt(0.0);
    let (one, whole) = (one.masked_select(&there), whole.masked_select(&there));
    let kept = one.gt(0.0);
    let share = kept.to_kind(Kind::Double).mean(Kind::Double).double_value(&[]);
    // Five standard deviations of a share of the 200 to 400 that there are.
    assert!(whole.numel() > 200 && (share - 0.75).abs() < 0.15, "{share}");
    let off = (one.masked_select(&kept) - whole.masked_select(&kept) * (4.0 / 3.0)).abs().max();
    assert!(off.double_value(&[]) < 1e-5);
}

#[test]
fn what_goes_on_from_given_weights_draws_by_its_own_seed() {
    let (shape, train) =
        (Shape { channels: 1, height: 1, width: 4 }, Mode { train: true, kind: Kind::Float });
    let words = Tensor::from_slice(&[1i64, 3, 2, 0, 4, 4, 1, 0]).view([2, 4]);
    let net = TextCnn { vocabulary: 4, length: 4, dim: 3, widths: vec![1, 2], maps: 100, dropout: 0.5 };
    let mut start = Params::fresh(Seed(3));
    net.build(&mut start, shape, 2).unwrap();
    let features = |seed| {
        let network = net.build(&mut Params::going_on(start.tensors(), Seed(seed)), shape, 2).unwrap();
        network.features(&words, train)
    };
    assert_eq!(features(1), features(1));
    assert_ne!(features(1), features(2));
}

#[test]
fn sizes_that_do_not_fit_are_named() {
    let shape = Shape { channels: 1, height: 1, width: 64 };
    let fails = |net: &dyn Net, key: &str| {
        assert_eq!(net.check(shape, 2, Kind::Float).unwrap_err().setting.as_deref(), Some(key));
    };
    fails(&EmbeddingBag { vocabulary: 0, ..EmbeddingBag::default() }, "vocabulary");
    fails(&EmbeddingBag { dim: 1_000_001, ..EmbeddingBag::default() }, "dim");
    fails(&TextCnn { length: 4, ..TextCnn::default() }, "widths");
    fails(&TextCnn { widths: vec![], ..TextCnn::default() }, "widths");
    fails(&TextCnn { widths: vec![3, 3], ..TextCnn::default() }, "widths");
    fails(&TextCnn { maps: 0, ..TextCnn::default() }, "maps");
    for dropout in [1.0, -0.1, f64::NAN] {
        fails(&TextCnn { dropout, ..TextCnn::default() }, "dropout");
    }
    // Each in range, but not together; nothing is allocated, also where it was not checked.
    let large = |net: &dyn Net, key| {
        fails(net, key);
        assert!(net.build(&mut Params::fresh(Seed(0)), shape, 2).is_err());
    };
    large(&EmbeddingBag { vocabulary: 1_000_000, dim: 101, ..EmbeddingBag::default() }, "vocabulary");
    large(&TextCnn { vocabulary: 1_000_000, ..TextCnn::default() }, "vocabulary");
    large(&TextCnn { maps: 1_000_000, ..TextCnn::default() }, "maps");
    let most = EmbeddingBag { vocabulary: 1_000_000, dim: 100, ..EmbeddingBag::default() };
    assert!(most.check(shape, 2, Kind::Float).is_ok());
}
