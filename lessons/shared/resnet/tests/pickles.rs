//! `.pth` files as people have them, made by `tests/fixtures/make_pickles.py`: a right answer or a clear refusal, and
//! nothing is executed.

use std::path::{Path, PathBuf};

use candle_core::{DType, Tensor};
use resnet::parameters;

fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says it"))
        .join("../../../tests/fixtures/pickles")
}

fn file(name: &str) -> PathBuf {
    folder().join(name).with_extension("pth")
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[track_caller]
fn assert_state(path: &Path) {
    let found = parameters::read(path).unwrap_or_else(|error| panic!("{error}"));
    let name = path.display();
    assert_eq!(found["conv1.weight"].dims(), [2, 3, 1, 1], "{name}");
    assert_eq!(values(&found["conv1.weight"]), [0., 1., 2., 3., 4., 5.], "{name}");
    assert_eq!(found["fc.weight"].dims(), [3, 2], "{name}");
    assert_eq!(
        values(&found["fc.weight"]),
        [0., 3., 1., 4., 2., 5.],
        "{name}: transposed when it was saved"
    );
    let counter = found["bn1.num_batches_tracked"].to_dtype(DType::F32).unwrap();
    assert_eq!(counter.to_scalar::<f32>().unwrap(), 7.0, "{name}");
}

/// Also inside a training's checkpoint, beside other tensors, in half and double precision, as parameters.
#[test]
fn a_state_dict_is_read_whatever_else_lies_beside_it() {
    for name in [
        "state_dict",
        "training",
        "model",
        "model_state_dict",
        "net",
        "beside_rng",
        "nested",
        "half",
        "bfloat",
        "double",
        "parameters",
        "expanded",
        "command_inside",
    ] {
        assert_state(&file(name));
    }
}

/// Zip archives and what was written before, under every usual ending, of every protocol.
#[test]
fn every_format_of_pytorch_is_read() {
    for name in [
        "old_format",
        "old_training",
        "old_protocol4",
        "protocol3",
        "protocol4",
        "protocol5",
    ] {
        assert_state(&file(name));
    }
    for ending in ["th", "pt", "bin"] {
        assert_state(&folder().join("old_format").with_extension(ending));
    }
}

/// The name within the archive makes the padding of one entry too short for an extra field; that is no fault.
#[test]
fn a_name_of_21_letters_is_read() {
    assert_state(&file(&"m".repeat(21)));
}

#[test]
fn tensors_may_share_their_numbers() {
    for name in ["views", "old_views"] {
        let found = parameters::read(file(name)).unwrap();
        assert_eq!(values(&found["conv1.weight"]), [0., 1., 2., 3., 4., 5.], "{name}");
        assert_eq!(values(&found["later"]), [4., 6., 8.], "{name}");
    }
    let found = parameters::read(file("expanded")).unwrap();
    assert_eq!(values(&found["bias"]), [1.0; 4], "one number, seen four times");
}

#[track_caller]
fn assert_refused(name: &str, words: &str) {
    let error = parameters::read(file(name)).unwrap_err().to_string();
    assert!(error.contains(&format!("{name}.pth")), "{error}");
    assert!(error.contains(words), "{name}: {error}");
    assert!(error.lines().count() == 1, "{name}: {error}");
}

#[test]
fn what_is_no_state_dict_is_refused_by_name() {
    assert_refused(
        "module",
        "an object of torch.nn.modules.linear.Linear; torch.save(module.state_dict(), …)",
    );
    assert_refused("tensor", "state dict, got a single tensor");
    assert_refused("numbers", "state dict, got a dictionary without named tensors");
    assert_refused("command", "state dict, got an object of posix.system");
}

#[test]
fn what_no_network_here_computes_with_is_refused_by_the_tensors_name() {
    assert_refused("float8", "fc.weight: expected f32, f64, f16 or bf16");
    assert_refused("complex", "fc.weight: expected f32, f64, f16 or bf16");
    assert_refused(
        "sparse",
        "fc.weight: _rebuild_sparse_tensor makes a tensor of a kind that is not supported",
    );
}

/// Python would run a command while it reads these two.
#[test]
fn a_command_in_a_pickle_is_not_executed() {
    for name in ["command", "command_inside"] {
        let bytes = std::fs::read(file(name)).unwrap();
        let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
        assert!(
            holds(b"touch EXECUTED") && holds(b"system"),
            "{name} is what it claims to be"
        );
        parameters::read(file(name)).ok();
        assert!(!Path::new("EXECUTED").exists(), "{name} was executed");
    }
}

/// A file that was not copied whole is called that, at whatever place it ends.
#[test]
fn a_truncated_file_is_called_cut_short() {
    for name in ["state_dict", "old_format"] {
        let whole = std::fs::read(file(name)).unwrap();
        for length in 40..whole.len() {
            let error = parameters::from_bytes(&whole[..length])
                .expect_err("a part is missing")
                .to_string();
            assert!(
                error.contains("cut short"),
                "{name}, {length} of {} bytes: {error}",
                whole.len()
            );
            assert!(!error.contains("state dict"), "{name}, {length} bytes: {error}");
        }
    }
}

#[test]
fn files_of_other_kinds_are_called_what_they_are() {
    for (bytes, words) in [
        (&b""[..], "the file is empty"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00",
            "`git lfs pull`",
        ),
        (b"\n<!DOCTYPE html><html>", "a web page"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"GGUF\x03\0\0\0", "GGUF"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "gzip"),
        (b"\x80\x04\x95\x0a\0\0\0\0\0\0\0}\x94.", "a plain pickle"),
        (b"\x08\x07\x12\x07pytorch", "of another kind"),
    ] {
        let error = parameters::from_bytes(bytes).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}
