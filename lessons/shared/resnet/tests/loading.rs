//! Networks under the names that people gave their weights, and files that were made to do harm.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use candle_core::{DType, Device, Tensor};
use resnet::{Config, Parameters, ResNet, Stem, parameters};

fn small() -> Config {
    Config::resnet18().width(2).classes(3).stem(Stem::Cifar)
}

fn weights() -> Parameters {
    parameters::initialize(&small(), 1).unwrap()
}

/// A file that only one test uses.
fn save(name: &str, parameters: &Parameters) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.safetensors"));
    parameters::save(parameters, &path).unwrap();
    path
}

fn renamed(rename: impl Fn(&str) -> String) -> Parameters {
    weights()
        .into_iter()
        .map(|(name, tensor)| (rename(&name), tensor))
        .collect()
}

/// Loads to the same network, and says why it could.
#[track_caller]
fn assert_loads(name: &str, parameters: &Parameters, words: &str) {
    let path = save(name, parameters);
    let (network, changes) = ResNet::load_with_changes(&path).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(network.config(), &small(), "{name}");
    for (name, tensor) in weights() {
        let ours = network.parameter(&name).unwrap();
        let difference = (ours - &tensor).unwrap().abs().unwrap().max_all().unwrap();
        assert_eq!(difference.to_scalar::<f32>().unwrap(), 0.0, "{name}");
    }
    let changes = changes.unwrap_or_default();
    assert!(changes.contains(words), "{name}: {changes}");
    assert!(
        words.is_empty() || changes.contains(&format!("{name}.safetensors: ")),
        "{changes}"
    );
    assert_eq!(
        changes.lines().count(),
        usize::from(!words.is_empty()),
        "one line: {changes}"
    );
}

#[test]
fn a_common_prefix_is_left_out() {
    assert_loads("plain", &weights(), "");
    for prefix in ["module.", "model.", "backbone.", "encoder.", "module.encoder_q."] {
        let prefixed = renamed(|name| format!("{prefix}{name}"));
        let words = format!("the prefix `{prefix}` of 102 names was left out");
        assert_loads(prefix.trim_matches('.'), &prefixed, &words);
    }
    let headed = renamed(|name| {
        if name.starts_with("fc") {
            name.into()
        } else {
            format!("backbone.{name}")
        }
    });
    assert_loads(
        "head_outside",
        &headed,
        "the prefix `backbone.` of 100 names was left out",
    );
}

#[test]
fn a_head_of_another_name_is_the_head() {
    for head in ["fc.1", "classifier", "linear", "head.fc", "last_linear"] {
        let parameters = renamed(|name| match name.strip_prefix("fc.") {
            Some(part) => format!("{head}.{part}"),
            None => name.into(),
        });
        assert_loads(head, &parameters, &format!("`{head}` was taken for `fc`"));
    }
    let shortcut = renamed(|name| name.replace("downsample", "shortcut"));
    assert_loads("shortcut", &shortcut, "`shortcut` was taken for `downsample`");
}

#[test]
fn double_and_half_precision_become_single() {
    let single = |dtype| {
        let convert = |(name, tensor): (String, Tensor)| (name, tensor.to_dtype(dtype).unwrap());
        weights().into_iter().map(convert).collect::<Parameters>()
    };
    assert_loads("double", &single(DType::F64), "102 tensors of f64 became f32");
    let (_, changes) = ResNet::load_with_changes(save("half", &single(DType::F16))).unwrap();
    assert!(changes.unwrap().contains("102 tensors of half precision became f32"));
}

#[track_caller]
fn assert_refused(name: &str, parameters: &Parameters, words: &str) {
    let error = ResNet::load(save(name, parameters)).unwrap_err().to_string();
    assert!(
        error.contains(&format!("{name}.safetensors: ")),
        "the file is named: {error}"
    );
    assert!(error.contains(words), "expected {words:?} in {error}");
}

#[test]
fn what_is_ambiguous_or_impossible_is_refused_by_name() {
    let mut two: Parameters = renamed(|name| format!("encoder_q.{name}"));
    two.extend(renamed(|name| format!("encoder_k.{name}")));
    assert_refused("two", &two, "expected one network, got `encoder_k.` and `encoder_q.`");

    let mut perceptron = renamed(|name| name.replace("fc.", "head.0."));
    let extra = Tensor::zeros((3, 3), DType::F32, &Device::Cpu).unwrap();
    perceptron.insert("head.2.weight".into(), extra);
    assert_refused(
        "perceptron",
        &perceptron,
        "expected one linear layer at the end, got head.0 and head.2",
    );

    let with = |name: &str, value: f32| {
        let mut changed = weights();
        let tensor = changed[name].affine(0.0, f64::from(value)).unwrap();
        changed.insert(name.into(), tensor);
        changed
    };
    let variance = "layer1.0.bn1.running_var";
    assert_refused(
        "negative",
        &with(variance, -1.0),
        "layer1.0.bn1.running_var holds a negative variance",
    );
    assert_refused(
        "nan",
        &with(variance, f32::NAN),
        "layer1.0.bn1.running_var holds NaN or infinity",
    );

    let mut whole = weights();
    whole.insert(
        "conv1.weight".into(),
        whole["conv1.weight"].to_dtype(DType::I64).unwrap(),
    );
    assert_refused("whole", &whole, "conv1.weight: expected F32, got I64");

    let mut missing = weights();
    missing.remove("bn1.bias");
    assert_refused(
        "missing",
        &missing,
        "bn1.bias is missing; the nearest names are fc.bias, bn1.weight, ",
    );
    let nothing_alike = HashMap::from([("features.0.weight".to_string(), extra_convolution())]);
    assert_refused(
        "vgg",
        &nothing_alike,
        "there is no \"conv1.weight\"; the nearest of 1 names: features.0.weight",
    );
}

fn extra_convolution() -> Tensor {
    Tensor::zeros((4, 3, 3, 3), DType::F32, &Device::Cpu).unwrap()
}

/// A safetensors file with one tensor of 8-bit fractions.
#[test]
fn a_tensor_of_eight_bits_is_refused() {
    let header = br#"{"conv1.weight":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend([0; 4]);
    assert_eq!(
        refusal(&bytes),
        "conv1.weight: expected f32, f64, f16 or bf16, got F8_E4M3"
    );
}

/// A shape without numbers whose product is beyond arithmetic.
#[test]
fn an_impossible_shape_is_refused() {
    let header = br#"{"conv1.weight":{"dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    assert_eq!(refusal(&bytes), "conv1.weight: its shape is impossible");
}

// ------------------------------------------------------------------------------------------- made to do harm

/// The error for some bytes, which must come soon.
#[track_caller]
fn refusal(bytes: &[u8]) -> String {
    let start = Instant::now();
    let error = match parameters::from_bytes(bytes) {
        Err(error) => error.to_string(),
        Ok(found) => panic!("expected an error, got {} tensors", found.len()),
    };
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "it took {:?}: {error}",
        start.elapsed()
    );
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.len() < 8000, "{} bytes of error", error.len());
    error
}

/// A pickle, and a storage of six numbers, in the archive that torch.save writes.
fn archive(pickle: &[u8]) -> Vec<u8> {
    let numbers: Vec<u8> = (0..6).flat_map(|number| (number as f32).to_le_bytes()).collect();
    zip(&[("a/data.pkl", pickle), ("a/data/0", &numbers)])
}

fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut table) = (vec![], vec![]);
    for (name, content) in entries {
        let sizes = [content.len() as u32; 2].map(u32::to_le_bytes).concat();
        let start = (bytes.len() as u32).to_le_bytes();
        let lengths = [name.len() as u16, 0].map(u16::to_le_bytes).concat();
        bytes.extend([&b"PK\x03\x04"[..], &[0; 14], &sizes, &lengths, name.as_bytes(), content].concat());
        table.extend(
            [
                &b"PK\x01\x02"[..],
                &[0; 16],
                &sizes,
                &lengths,
                &[0; 10],
                &start,
                name.as_bytes(),
            ]
            .concat(),
        );
    }
    let counts = [entries.len() as u16; 2].map(u16::to_le_bytes).concat();
    let places = [table.len() as u32, bytes.len() as u32].map(u32::to_le_bytes).concat();
    [&bytes[..], &table, b"PK\x05\x06", &[0; 4], &counts, &places, &[0; 2]].concat()
}

/// The pickle of `{"w": _rebuild_tensor_v2(storage, offset, size, stride, …)}`, the last three as instructions.
fn tensor(offset: &[u8], size: &[u8], stride: &[u8]) -> Vec<u8> {
    let storage = b"((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x06tQ";
    let start = b"\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n";
    [&start[..], storage, offset, size, stride, b"\x89}tRs."].concat()
}

#[test]
fn the_pickles_below_are_what_they_claim_to_be() {
    let good = archive(&tensor(b"K\x01", b"K\x02K\x02\x86", b"K\x03K\x01\x86"));
    let found = parameters::from_bytes(&good).unwrap();
    assert_eq!(found["w"].to_vec2::<f32>().unwrap(), [[1.0, 2.0], [4.0, 5.0]]);
}

/// Integers beyond 63 bits, negative and huge offsets, sizes and strides.
#[test]
fn numbers_that_no_tensor_has_are_refused() {
    let long = [&b"\x8a\x10"[..], &[0x7f; 16]].concat();
    let largest = [&b"\x8a\x08"[..], &i64::MAX.to_le_bytes()].concat();
    let (zero, two, one) = (&b"K\0"[..], &b"K\x02K\x02\x86"[..], &b"K\x02K\x01\x86"[..]);
    let side = |number: &[u8]| [number, number, b"\x86"].concat();
    for pickle in [
        tensor(&long, two, one),
        tensor(b"J\xff\xff\xff\xff", two, one),
        tensor(b"L-99999999999999999999999999L\n", two, one),
        tensor(&largest, two, one),
        tensor(zero, &side(&long), one),
        tensor(zero, &side(&largest), one),
        tensor(zero, &side(b"J\xff\xff\xff\x7f"), &side(b"K\0")), // 2³¹ × 2³¹ times the same number
        tensor(zero, b"J\0\0\0\x40K\x01\x86", &side(b"K\0")),
        tensor(zero, two, &side(&largest)),
        tensor(zero, two, &side(b"J\xfe\xff\xff\xff")),
        tensor(b"K\x06", two, one), // behind the end
        tensor(zero, b")", one),
        tensor(b")", two, one),
        tensor(
            zero,
            &[&b"("[..], &b"K\x01".repeat(100), b"t"].concat(),
            &[&b"("[..], &b"K\x01".repeat(100), b"t"].concat(),
        ),
    ] {
        let error = refusal(&archive(&pickle));
        assert!(error.starts_with("w: "), "{error}");
    }
}

/// No arguments, arguments of another kind, instructions on an empty stack.
#[test]
fn broken_pickles_are_refused() {
    let of = |body: &[u8]| [b"\x80\x02", body, b"."].concat();
    for body in [
        &b""[..],
        b"R",
        b"t",
        b"s",
        b"u",
        b"a",
        b"0",
        b"2",
        b"q\0",
        b"h\x09",
        b"(K\x01u",
        b"}(K\x01u",
        b"Q",
        b"\x93",
        b"o",
        b"(o",
        b"gx\n",
        b"\x82\x01",
        b"\xff",
        b"ctorch._utils\n_rebuild_tensor_v2\n)R",
        b"}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n)Rs",
        b"}X\x01\0\0\0wctorch._utils\n_rebuild_parameter\n)Rs",
        b"}X\x01\0\0\0wctorch._tensor\n_rebuild_from_type_v2\nK\x01\x85Rs",
        b"ccollections\nOrderedDict\n]K\x01a\x85R",
        b"X\xff\xff\xff\xffabc",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\xffabc",
        b"\x8b\xff\xff\xff\xff",
    ] {
        refusal(&archive(&of(body)));
    }
}

/// Tuples of tuples that would expand to gigabytes, lists that hold themselves, a million levels.
#[test]
fn what_expands_or_nests_without_end_is_bounded() {
    let doubled = [&b"\x80\x02)"[..], &b"2\x86".repeat(900_000), b"."].concat();
    refusal(&archive(&doubled));
    let deep = [&b"\x80\x02"[..], &b"]".repeat(900_000), &b"a".repeat(899_999), b"."].concat();
    refusal(&archive(&deep));
    let itself = b"\x80\x02}q\0X\x01\0\0\0ah\0s."; // a dictionary that holds itself
    refusal(&archive(itself));
    let long = [&b"\x80\x02"[..], &b"N0".repeat(3_000_000), b"."].concat();
    assert!(refusal(&archive(&long)).contains("instructions"));
    // One list of pairs, made a dictionary again and again.
    let pairs = b"X\x01\0\0\0aK\x01\x86".repeat(10_000);
    let again = b"ccollections\nOrderedDict\nh\0\x85R0".repeat(10_000);
    let dictionaries = [&b"\x80\x02]q\0("[..], &pairs, b"e0", &again, b"N."].concat();
    assert!(refusal(&archive(&dictionaries)).contains("instructions"));
    // A wrapper around itself.
    let wrapped = b"\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_parameter\n]q\0h\0aRs.";
    refusal(&archive(wrapped));
}

/// Two of one name: in the pickle, and in the archive.
#[test]
fn duplicate_names_are_refused() {
    let one = tensor(b"K\0", b"K\x02\x85", b"K\x01\x85");
    let body = &one[3..one.len() - 1]; // without the protocol, the dictionary and the end
    let twice = [&b"\x80\x02}"[..], body, body, b"."].concat();
    assert!(refusal(&archive(&twice)).contains("two tensors of the name w"));

    let entry = ("a/data/0", &[0; 24][..]);
    let doubled = zip(&[("a/data.pkl", &one), entry, entry]);
    assert_eq!(refusal(&doubled), "it holds \"a/data/0\" twice");
}

/// What a file says of itself is shown without what a terminal would obey.
#[test]
fn control_characters_of_a_file_are_not_shown() {
    let escape = Parameters::from([("\u{1b}[2Jconv1.weight".to_string(), extra_convolution())]);
    let error = ResNet::load(save("escape", &escape)).unwrap_err().to_string();
    assert!(
        error.contains("[2Jconv1.weight") && !error.contains('\u{1b}'),
        "{error:?}"
    );
}
