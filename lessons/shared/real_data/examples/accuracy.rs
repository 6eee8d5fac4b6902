//! How often a network is right on images of CIFAR-10:
//!
//! ```sh
//! cargo run -p real_data --example accuracy -- resnet20.th data_batch_1.bin
//! ```
//!
//! takes any weights that `--weights` takes and a file in CIFAR-10's binary layout, a label byte and 3,072 bytes of pixels a
//! row. Images are normalized as in all lessons, with ImageNet's constants.

use candle_core::{Error, Result, bail};
use real_data::{CLASSES, Cifar10, Split};
use resnet::ResNet;

fn main() -> Result<()> {
    writing::end_with_the_reader();
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [weights, rows] = arguments.as_slice() else {
        bail!(
            "expected a file with weights and one with rows of CIFAR-10, got {} arguments",
            arguments.len()
        )
    };
    let (network, changes) = ResNet::load_with_changes(weights)?;
    if let Some(changes) = changes {
        println!("{changes}");
    }
    let read = std::fs::read(rows).map_err(|error| Error::Msg(format!("{rows}: {error}")))?;
    let data = Cifar10::from_rows(Split::Train, read).map_err(|error| Error::Msg(format!("{rows}: {error}")))?;
    if network.config().classes != CLASSES.len() {
        bail!(
            "{weights}: expected {} classes, got {}",
            CLASSES.len(),
            network.config().classes
        )
    }

    let (mut right, all) = (0, data.len());
    for start in (0..all).step_by(250) {
        let indices: Vec<usize> = (start..all.min(start + 250)).collect();
        let logits = network.forward(&resnet::normalize(&data.batch(&indices)?)?)?;
        let found = logits.argmax(1)?.to_vec1::<u32>()?;
        for (index, class) in indices.iter().zip(found) {
            right += usize::from(data.label(*index)? == class as usize);
        }
    }
    let share = 100.0 * right as f64 / all as f64;
    println!(
        "{}: {right} of {all} images right, {share:.1} %",
        network.config().name()
    );
    Ok(())
}
