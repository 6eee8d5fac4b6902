//! From the names that people's networks have to torchvision's.

use std::collections::BTreeSet;

use super::Contents;

/// The same tensors under torchvision's names: without a common prefix, with `downsample` for `shortcut` and `fc` for
/// another head. Every change is added to the changes.
///
/// What is no ResNet stays as it is.
///
/// **Errors** if there are several networks, or a head of several layers.
pub(crate) fn as_resnet(contents: Contents) -> Result<Contents, String> {
    let contents = without_prefix(contents)?;
    relative(&contents)?;
    let contents = renamed(contents, "shortcut");
    with_fc(contents)
}

/// Networks with a ResNet's names that are none, by what only they have.
fn relative(contents: &Contents) -> Result<(), String> {
    const RELATIVES: [(&str, &str); 4] = [
        (".se.", "an SE-ResNet: squeeze and excitation are not supported"),
        ("attnpool.", "CLIP's ResNet: attention pooling is not supported"),
        (".conv2.fc1.", "a ResNeSt: split attention is not supported"),
        (".conv2.attn.", "an SK-ResNet: selective kernels are not supported"),
    ];
    let names = || contents.parameters.keys();
    let found = RELATIVES
        .iter()
        .find(|(part, _)| names().any(|name| name.contains(part)));
    match found {
        Some((_, what)) if contents.parameters.contains_key(MARK) => Err(format!("it is {what}")),
        _ => Ok(()),
    }
}

/// Every ResNet has this tensor.
const MARK: &str = "layer1.0.conv1.weight";

fn without_prefix(mut contents: Contents) -> Result<Contents, String> {
    let prefixes: BTreeSet<String> = contents
        .parameters
        .keys()
        .filter_map(|name| name.strip_suffix(MARK))
        .map(String::from)
        .collect();
    let prefix = match prefixes.len() {
        0 => return Ok(contents),
        1 => prefixes.into_iter().next().unwrap_or_default(),
        _ if prefixes.contains("") => return Ok(contents),
        _ => {
            let prefixes: Vec<_> = prefixes.iter().map(|prefix| format!("`{prefix}`")).collect();
            return Err(format!(
                "expected one network, got {}; save the state dict of one of them",
                prefixes.join(" and ")
            ));
        }
    };
    if prefix.is_empty() {
        return Ok(contents);
    }
    let mut stripped = 0;
    let parameters = std::mem::take(&mut contents.parameters);
    let names: BTreeSet<String> = parameters.keys().cloned().collect();
    for (name, tensor) in parameters {
        let short = name.strip_prefix(&prefix).filter(|short| !names.contains(*short));
        stripped += usize::from(short.is_some());
        let short = short.unwrap_or(&name).to_string();
        contents.parameters.insert(short, tensor);
    }
    contents
        .changes
        .push(format!("the prefix `{prefix}` of {stripped} names was left out"));
    Ok(contents)
}

/// `layer2.0.shortcut.0` is torchvision's `layer2.0.downsample.0`.
fn renamed(mut contents: Contents, part: &str) -> Contents {
    let middle = format!(".{part}.");
    let is_so = |name: &str| name.starts_with("layer") && name.contains(&middle);
    if contents.parameters.keys().any(|name| is_so(name)) && contents.parameters.contains_key(MARK) {
        let parameters = std::mem::take(&mut contents.parameters);
        let rename = |name: String| {
            if is_so(&name) {
                name.replacen(&middle, ".downsample.", 1)
            } else {
                name
            }
        };
        contents.parameters = parameters
            .into_iter()
            .map(|(name, tensor)| (rename(name), tensor))
            .collect();
        contents.changes.push(format!("`{part}` was taken for `downsample`"));
    }
    contents
}

/// The one matrix outside of the layers is the head, whatever its name.
fn with_fc(mut contents: Contents) -> Result<Contents, String> {
    if contents.parameters.contains_key("fc.weight") || !contents.parameters.contains_key(MARK) {
        return Ok(contents);
    }
    let heads: BTreeSet<String> = contents
        .parameters
        .iter()
        .filter(|(name, tensor)| tensor.rank() == 2 && !name.starts_with("layer"))
        .filter_map(|(name, _)| name.strip_suffix(".weight").map(String::from))
        .collect();
    let head = match heads.len() {
        0 => return Ok(contents),
        1 => heads.into_iter().next().unwrap_or_default(),
        _ => {
            let heads: Vec<_> = heads.into_iter().collect();
            return Err(format!(
                "expected one linear layer at the end, got {}",
                heads.join(" and ")
            ));
        }
    };
    for part in ["weight", "bias"] {
        if let Some(tensor) = contents.parameters.remove(&format!("{head}.{part}")) {
            contents.parameters.insert(format!("fc.{part}"), tensor);
        }
    }
    contents.changes.push(format!("`{head}` was taken for `fc`"));
    Ok(contents)
}
