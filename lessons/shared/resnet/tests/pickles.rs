//! `.pth` files as people have them, made by `tests/fixtures/make_pickles.py`: a right answer or a clear refusal, and
//! nothing is executed.

use std::path::{Path, PathBuf};

use candle_core::Tensor;
use resnet::parameters;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../tests/fixtures/pickles")
        .join(name)
        .with_extension("pth")
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn a_state_dict_is_read_whatever_else_lies_beside_it() {
    for name in ["state_dict", "training", "half", "command_inside"] {
        let found = parameters::read(file(name)).unwrap();
        assert_eq!(found["conv1.weight"].dims(), [2, 3, 1, 1], "{name}");
        assert_eq!(values(&found["conv1.weight"]), [0., 1., 2., 3., 4., 5.], "{name}");
        assert_eq!(found["fc.weight"].dims(), [3, 2], "{name}");
        assert_eq!(
            values(&found["fc.weight"]),
            [0., 3., 1., 4., 2., 5.],
            "{name}: transposed when it was saved"
        );
    }
}

#[test]
fn what_is_no_state_dict_is_refused_by_name() {
    for name in ["module", "tensor", "numbers", "command", "old_format"] {
        let error = parameters::read(file(name)).unwrap_err().to_string();
        assert!(error.contains(&format!("{name}.pth")), "{error}");
        assert!(error.contains("state dict"), "{name}: {error}");
        assert!(error.lines().count() == 1, "{name}: {error}");
    }
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
