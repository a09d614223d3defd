//! Writes small TorchScript files, so that none has to lie in the repository: a zip archive of the program,
//! the numbers, and a list of who owns which, in the one binary notation that libtorch reads.

use std::io::{Cursor, Write};
use std::path::Path;

use tch::{Kind, Tensor};
use zip::ZipWriter;
use zip::write::FileOptions;

/// An attribute of a module.
pub(super) enum Value {
    /// A tensor that is trained, or not.
    Tensor(Tensor, bool),
    /// A module: its class and its attributes, `training` left out.
    Module(&'static str, Vec<(&'static str, Value)>),
}

/// A layer with a weight and a bias of `out` units and the other sizes `rest`.
pub(super) fn layer(class: &'static str, out: i64, rest: &[i64]) -> Value {
    let size: Vec<i64> = [&[out], rest].concat();
    Value::Module(class, vec![("weight", wave(&size, 0.5)), ("bias", wave(&[out], 0.1))])
}

/// Batch normalisation as a training of a few steps left it.
pub(super) fn norm(class: &'static str, channels: i64) -> Value {
    let constant = |value: f64, kind| Tensor::full([channels], value, (kind, tch::Device::Cpu));
    Value::Module(
        class,
        vec![
            ("weight", Value::Tensor(constant(1.0, Kind::Float), true)),
            ("bias", Value::Tensor(constant(0.0, Kind::Float), true)),
            ("running_mean", Value::Tensor(constant(0.3, Kind::Float), false)),
            ("running_var", Value::Tensor(constant(1.7, Kind::Float), false)),
            ("num_batches_tracked", Value::Tensor(Tensor::from_slice(&[3i64]), false)),
        ],
    )
}

/// A trained tensor of numbers in ±`scale`.
fn wave(size: &[i64], scale: f64) -> Value {
    let n = size.iter().product::<i64>();
    Value::Tensor((Tensor::arange(n, (Kind::Float, tch::Device::Cpu)).sin() * scale).view(size), true)
}

/// Writes a module and the program of its classes.
pub(super) fn save(path: &Path, program: &str, module: &Value) {
    let mut writer = Writer { notes: b"\x80\x02".to_vec(), numbers: Vec::new() };
    writer.value(module);
    writer.notes.push(b'.');
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut put = |name: &str, bytes: &[u8]| {
        let stored = FileOptions::default().compression_method(zip::CompressionMethod::Stored);
        zip.start_file(format!("archive/{name}"), stored).unwrap();
        zip.write_all(bytes).unwrap();
    };
    put("version", b"3\n");
    put("byteorder", b"little");
    put("constants.pkl", b"\x80\x02).");
    put("code/__torch__.py", program.as_bytes());
    put("data.pkl", &writer.notes);
    for (i, bytes) in writer.numbers.iter().enumerate() {
        put(&format!("data/{i}"), bytes);
    }
    std::fs::write(path, zip.finish().unwrap().into_inner()).unwrap();
}

struct Writer {
    notes: Vec<u8>,
    numbers: Vec<Vec<u8>>,
}

impl Writer {
    fn global(&mut self, module: &str, name: &str) {
        self.notes.extend(format!("c{module}\n{name}\n").bytes());
    }

    fn text(&mut self, text: &str) {
        self.notes.push(b'X');
        self.notes.extend((text.len() as u32).to_le_bytes());
        self.notes.extend(text.bytes());
    }

    fn number(&mut self, number: i64) {
        self.notes.push(b'J');
        self.notes.extend((number as i32).to_le_bytes());
    }

    fn tuple(&mut self, numbers: &[i64]) {
        self.notes.push(b'(');
        numbers.iter().for_each(|&n| self.number(n));
        self.notes.push(b't');
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Module(class, attributes) => {
                self.global("__torch__", class);
                self.notes.extend(b")\x81}(");
                self.text("training");
                self.notes.push(0x88);
                for (name, value) in attributes {
                    self.text(name);
                    self.value(value);
                }
                self.notes.extend(b"ub");
            }
            Value::Tensor(tensor, trained) => {
                let (storage, width) =
                    if tensor.kind() == Kind::Int64 { ("LongStorage", 8) } else { ("FloatStorage", 4) };
                let mut bytes = vec![0; tensor.numel() * width];
                tensor.copy_data_u8(&mut bytes, tensor.numel());
                self.global("torch._utils", "_rebuild_tensor_v2");
                self.notes.extend(b"((");
                self.text("storage");
                self.global("torch", storage);
                self.text(&self.numbers.len().to_string());
                self.text("cpu");
                self.number(tensor.numel() as i64);
                self.notes.extend(b"tQ");
                self.number(0);
                self.tuple(&tensor.size());
                self.tuple(&tensor.stride());
                self.notes.push(if *trained { 0x88 } else { 0x89 });
                self.global("collections", "OrderedDict");
                self.notes.extend(b")RtR");
                self.numbers.push(bytes);
            }
        }
    }
}
