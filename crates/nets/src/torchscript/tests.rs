use super::*;
use aconite_core::NamedTensors;

mod script;

use script::{Value, layer, norm};

/// The classes of the two modules below, as `torch.jit.script` writes them.
const LAYERS: &str = r#"
class Conv(Module):
  __parameters__ = ["weight", "bias", ]
  __buffers__ = []
  weight : Tensor
  bias : Tensor
  training : bool
  def forward(self: __torch__.Conv, x: Tensor) -> Tensor:
    return torch.conv2d(x, self.weight, self.bias, [1, 1], [1, 1], [1, 1], 1)
class Dense(Module):
  __parameters__ = ["weight", "bias", ]
  __buffers__ = []
  weight : Tensor
  bias : Tensor
  training : bool
  def forward(self: __torch__.Dense, x: Tensor) -> Tensor:
    return torch.linear(x, self.weight, self.bias)
class Norm(Module):
  __parameters__ = ["weight", "bias", ]
  __buffers__ = ["running_mean", "running_var", "num_batches_tracked", ]
  weight : Tensor
  bias : Tensor
  running_mean : Tensor
  running_var : Tensor
  num_batches_tracked : Tensor
  training : bool
  def forward(self: __torch__.Norm, x: Tensor) -> Tensor:
    if self.training:
      _0 = torch.add_(self.num_batches_tracked, 1)
      if torch.eq(torch.numel(x), torch.size(x, 1)):
        ops.prim.RaiseException("Expected more than 1 value per channel", "builtins.ValueError")
      else:
        pass
    else:
      pass
    return torch.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, self.training, 0.1, 1.0e-05, False)
"#;

/// A convolution, batch normalisation, dropout; methods for features and head; a parameter of its own.
const FULL: &str = r#"
class Full(Module):
  __parameters__ = ["scale", ]
  __buffers__ = []
  scale : Tensor
  training : bool
  conv : __torch__.Conv
  norm : __torch__.Norm
  fc : __torch__.Dense
  def features(self: __torch__.Full, x: Tensor) -> Tensor:
    y = torch.relu((self.norm).forward((self.conv).forward(x, ), ))
    y0 = torch.flatten(torch.adaptive_avg_pool2d(y, [2, 2]), 1)
    return torch.mul(torch.dropout(y0, 0.25, self.training), self.scale)
  def head(self: __torch__.Full, f: Tensor) -> Tensor:
    return (self.fc).forward(f, )
  def square(self: __torch__.Full, x: Tensor) -> Tensor:
    return x
  def forward(self: __torch__.Full, x: Tensor) -> Tensor:
    return (self).head((self).features(x, ), )
"#;

/// `forward` alone, with the `view` that many modules have, and batch normalisation of rows.
const PLAIN: &str = r#"
class Plain(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  conv : __torch__.Conv
  norm : __torch__.Norm
  fc : __torch__.Dense
  def forward(self: __torch__.Plain, x: Tensor) -> Tensor:
    y = torch.relu((self.conv).forward(x, ))
    return (self.fc).forward((self.norm).forward(torch.view(y, [torch.size(y, 0), 256]), ), )
"#;

const SHAPE: Shape = Shape { channels: 1, height: 8, width: 8 };

/// A file of a module, in a folder that goes when the test ends.
struct File {
    net: TorchScript,
    _folder: tempfile::TempDir,
}

impl std::ops::Deref for File {
    type Target = TorchScript;
    fn deref(&self) -> &TorchScript {
        &self.net
    }
}

fn net(module: &str, features: &str, head: &str) -> File {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(module);
    let body = |width| vec![("conv", layer("Conv", 4, &[1, 3, 3])), ("norm", norm("Norm", width))];
    let with = |mut list: Vec<(&'static str, Value)>, name, value| {
        list.push((name, value));
        list
    };
    match module {
        "full.pt" => {
            let attributes = with(body(4), "fc", layer("Dense", 2, &[16]));
            let full = Value::Module(
                "Full",
                with(attributes, "scale", Value::Tensor(Tensor::from_slice(&[2f32]), true)),
            );
            script::save(&path, &format!("{LAYERS}{FULL}"), &full);
        }
        "plain.pt" => {
            let plain = Value::Module("Plain", with(body(256), "fc", layer("Dense", 2, &[256])));
            script::save(&path, &format!("{LAYERS}{PLAIN}"), &plain);
        }
        "text.pt" => std::fs::write(&path, "no archive").unwrap(),
        _ => {}
    }
    let net = TorchScript { path, features: features.into(), head: head.into(), pretrained: false };
    File { net, _folder: folder }
}

fn fails(net: &TorchScript, shape: Shape, classes: usize) -> Error {
    net.check(shape, classes, tch::Kind::Float).unwrap_err()
}

const TRAIN: Mode = Mode { train: true, kind: tch::Kind::Float };
const INFER: Mode = Mode { train: false, kind: tch::Kind::Float };

#[test]
fn a_module_is_built_from_a_seed_and_restored_with_its_buffers() {
    let net = net("full.pt", "features", "head");
    net.check(SHAPE, 2, tch::Kind::Float).unwrap();
    let build = |seed| {
        let mut params = Params::fresh(Seed(seed));
        let network = net.build(&mut params, SHAPE, 2).unwrap();
        (params, network)
    };
    let (params, network) = build(1);
    let fresh = params.tensors();
    assert_eq!(fresh, build(1).0.tensors());
    assert_ne!(fresh["fc.weight"], build(2).0.tensors()["fc.weight"]);
    assert_eq!(fresh["scale"].double_value(&[0]), 2.0, "a parameter of no known layer stays as it is");
    assert_eq!(
        fresh["norm.running_var"].double_value(&[0]),
        1.0,
        "what the file's module has seen is forgotten"
    );
    let images = example(SHAPE, 6);
    let before = network.logits(&images, INFER);
    let _ = network.logits(&images, TRAIN);
    let trained = params.tensors();
    assert_ne!(trained["norm.running_mean"], fresh["norm.running_mean"]);
    assert_eq!(trained["norm.num_batches_tracked"].int64_value(&[0]), 1);
    let after = network.logits(&images, INFER);
    assert_ne!(before, after);
    let again = net.build(&mut Params::stored(trained), SHAPE, 2).unwrap();
    assert_eq!(again.logits(&images, INFER), after);
    assert_eq!(network.features(&images, INFER).size(), [6, 16]);
    assert_eq!(network.stages(), ["features"]);
}

#[test]
fn the_weights_of_the_file_are_used_only_if_asked_for() {
    let file = net("full.pt", "", "");
    let kept = TorchScript { pretrained: true, ..file.clone() };
    let tensors = |net: &TorchScript| -> NamedTensors {
        let mut params = Params::fresh(Seed(1));
        net.build(&mut params, SHAPE, 2).unwrap();
        params.tensors()
    };
    let stored = Archive::parse(&file.read().unwrap()).unwrap().plain().unwrap().named_parameters().unwrap();
    let (fresh, pretrained) = (tensors(&file), tensors(&kept));
    for (name, theirs) in stored {
        assert_eq!(pretrained[&name], theirs.detach(), "{name}");
        // Batch normalisation starts at 1 and 0 in any case, and the scale is no known layer's.
        let same = name.starts_with("norm") || name == "scale";
        assert_eq!(fresh[&name] == theirs.detach(), same, "{name}");
    }
    assert_eq!(pretrained["norm.num_batches_tracked"].int64_value(&[0]), 3);
    let bound = 1.0 / 4.0;
    assert!(fresh["fc.bias"].abs().max().double_value(&[]) <= bound && fresh["fc.bias"].numel() == 2);
}

#[test]
fn all_weights_learn_and_dropout_is_drawn_from_the_seed() {
    let net = net("full.pt", "features", "");
    let step = |seed| {
        let mut params = Params::fresh(Seed(seed));
        let network = net.build(&mut params, SHAPE, 2).unwrap();
        let logits = network.logits(&example(SHAPE, 6), TRAIN);
        logits.square().sum(tch::Kind::Float).backward();
        let trainable = params.trainable();
        assert_eq!(trainable.len(), 7, "weights and biases of three layers, and the scale");
        assert!(trainable.iter().all(|t| t.grad().defined()));
        (logits, network.logits(&example(SHAPE, 6), TRAIN))
    };
    let (first, second) = step(1);
    assert_eq!(first, step(1).0);
    assert_ne!(first, second, "the second pass drops other units");
}

#[test]
fn a_module_with_forward_alone_trains_and_has_no_features() {
    let plain = net("plain.pt", "", "");
    // `view` in the module works although images come with channels-last strides, and one row passes
    // although batch normalisation of rows refuses it.
    plain.check(SHAPE, 2, tch::Kind::Float).unwrap();
    assert!(!plain.has_features() && net("full.pt", "features", "").has_features());
    let network = plain.build(&mut Params::fresh(Seed(0)), SHAPE, 2).unwrap();
    let images = example(SHAPE, 3).permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]);
    assert_eq!(network.logits(&images, TRAIN).size(), [3, 2]);
}

#[test]
fn the_head_is_found_or_named() {
    let images = example(SHAPE, 3);
    let logits = |head: &str| {
        let network = net("full.pt", "features", head).build(&mut Params::fresh(Seed(3)), SHAPE, 2).unwrap();
        network.logits(&images, INFER)
    };
    assert_eq!(logits("").size(), [3, 2]);
    assert!(logits("").allclose(&logits("head"), 1e-6, 1e-6, false));
    let error = fails(&net("full.pt", "features", "square"), SHAPE, 2);
    assert_eq!(error.setting.as_deref(), Some("head"));
    assert!(error.message.contains("is not forward"), "{error}");
    let error = fails(&net("full.pt", "square", ""), SHAPE, 2);
    assert_eq!(error.setting.as_deref(), Some("features"));
    assert!(error.message.contains("[3, 1, 8, 8]"), "{error}");
    let error = fails(&net("full.pt", "featurs", ""), SHAPE, 2);
    assert_eq!(error.setting.as_deref(), Some("features"));
    assert!(error.hint.unwrap().contains("def featurs"), "{}", error.message);
}

#[test]
fn what_does_not_fit_is_said_with_the_file_s_name() {
    let plain = net("plain.pt", "", "");
    let error = fails(&plain, SHAPE, 10);
    assert!(error.message.contains("plain.pt") && error.message.contains("[2, 2]"), "{error}");
    assert!(error.hint.unwrap().contains("10 outputs"));
    let error = fails(&plain, Shape { channels: 3, height: 32, width: 32 }, 2);
    assert!(error.message.contains("fails in training on 2 images of 3×32×32"), "{error}");
    assert!(!error.message.contains('\n') && error.message.len() < 400, "{error}");
    let error = plain.check(SHAPE, 2, tch::Kind::BFloat16).unwrap_err();
    assert_eq!(error.setting.as_deref(), Some("precision"));

    let error = fails(&TorchScript::default(), SHAPE, 2);
    assert!(error.message.contains("needs the path"), "{error}");
    let error = fails(&net("none.pt", "", ""), SHAPE, 2);
    assert!(error.message.contains("none.pt cannot be read"), "{error}");
    let error = fails(&net("text.pt", "", ""), SHAPE, 2);
    assert!(error.message.contains("is not a TorchScript file"), "{error}");
    assert!(error.hint.unwrap().contains("torch.jit.script"));
}

#[test]
fn a_damaged_module_is_an_error() {
    let bytes = net("plain.pt", "", "").read().unwrap();
    for cut in [100, bytes.len() / 2, bytes.len() - 1] {
        assert!(Archive::parse(&bytes[..cut]).is_err(), "{cut}");
    }
}

#[test]
fn the_content_follows_the_file() {
    let content = |file| net(file, "", "").content().unwrap().unwrap();
    assert_eq!(content("full.pt"), content("full.pt"));
    assert_ne!(content("full.pt"), content("plain.pt"));
}
