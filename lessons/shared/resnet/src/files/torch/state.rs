//! Where in a file the weights lie: a dictionary that names tensors, somewhere in its pickle.

use std::collections::HashSet;

use super::Description;
use crate::files::Contents;
use crate::files::pickle::{Id, Pickle, Value};

/// A dictionary that names tensors, somewhere in a pickle.
pub(super) struct State<'a> {
    /// `state_dict`, `model.state_dict`; empty for the whole.
    path: String,
    tensors: Vec<(&'a [u8], Id)>,
}

/// Under what names weights lie, the likeliest first.
const USUAL: [&str; 9] = [
    "",
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "model_state",
    "weights",
    "params",
];

impl<'a> State<'a> {
    /// The dictionary with a ResNet's names, if there is one; or with the most tensors.
    pub fn find(pickle: &Pickle<'a>) -> Result<Self, String> {
        const DEEPEST: usize = 4;
        const MOST_DICTIONARIES: usize = 10_000;
        const LONGEST_KEY: usize = 100;
        let mut found: Vec<Self> = vec![];
        let mut seen = HashSet::new();
        let mut next = vec![(String::new(), pickle.root())];
        for _ in 0..DEEPEST {
            for (path, id) in std::mem::take(&mut next) {
                let Value::Dict(items) = pickle.get(id) else { continue };
                if !seen.insert(id) {
                    continue;
                }
                let named = items
                    .iter()
                    .filter_map(|&(key, value)| Some((pickle.text(key)?, value)));
                let mut tensors = vec![];
                for (key, value) in named {
                    match pickle.get(value) {
                        Value::Dict(_) if next.len() == MOST_DICTIONARIES || key.len() > LONGEST_KEY => {}
                        Value::Dict(_) => {
                            let key = String::from_utf8_lossy(key);
                            let dot = if path.is_empty() { "" } else { "." };
                            next.push((format!("{path}{dot}{key}"), value));
                        }
                        // One that cannot be read counts: the error then names it.
                        _ if Description::read(pickle, value).map_or(true, |found| found.is_some()) => {
                            tensors.push((key, value));
                        }
                        _ => {}
                    }
                }
                if !tensors.is_empty() {
                    found.push(Self { path, tensors });
                }
            }
        }
        let likeliest = found.into_iter().min_by_key(Self::rank);
        likeliest.ok_or_else(|| Self::instead(pickle))
    }

    /// The smaller, the likelier.
    fn rank(&self) -> (bool, usize, std::cmp::Reverse<usize>) {
        let is_resnet = self
            .tensors
            .iter()
            .any(|(name, _)| name.ends_with(b"layer1.0.conv1.weight"));
        let usual = USUAL
            .iter()
            .position(|usual| *usual == self.path)
            .unwrap_or(USUAL.len());
        (
            !is_resnet,
            if is_resnet { usual } else { 0 },
            std::cmp::Reverse(self.tensors.len()),
        )
    }

    /// What the file holds where no dictionary of tensors is found.
    fn instead(pickle: &Pickle) -> String {
        let holds = match pickle.get(pickle.root()) {
            Value::Dict(_) => "a dictionary without named tensors".into(),
            Value::Call(function, _) => match (pickle.get(*function), Description::read(pickle, pickle.root())) {
                (_, Ok(Some(_)) | Err(_)) => "a single tensor".into(),
                (Value::Global(module, name), _) => {
                    let [module, name] = [module, name].map(|text| String::from_utf8_lossy(text));
                    format!("an object of {module}.{name}; torch.save(module.state_dict(), …) would write one")
                }
                _ => "an object".into(),
            },
            _ => "something else".into(),
        };
        format!("expected a PyTorch state dict, got {holds}")
    }

    pub fn tensors<'b>(
        &self,
        pickle: &Pickle,
        file: usize,
        storage: impl Fn(&str) -> Option<&'b [u8]>,
    ) -> Result<Contents, String> {
        const SMALL: usize = 1 << 20;
        let mut most = file + SMALL;
        let mut contents = Contents::default();
        if !self.path.is_empty() {
            contents
                .changes
                .push(format!("the weights are those in `{}`", self.path));
        }
        for &(name, id) in &self.tensors {
            let name = String::from_utf8_lossy(name).into_owned();
            let about = |error: String| format!("{name}: {error}");
            let Some(description) = Description::read(pickle, id).map_err(about)? else {
                continue;
            };
            let key = String::from_utf8_lossy(description.key);
            let numbers = storage(&key)
                .ok_or_else(|| about("its numbers are missing; the file is broken or cut short".into()))?;
            let tensor = description.tensor(numbers, &mut most).map_err(about)?;
            contents.converted(&description.kind);
            if contents.parameters.insert(name.clone(), tensor).is_some() {
                return Err(format!("it holds two tensors of the name {name}"));
            }
        }
        contents.say_converted();
        Ok(contents)
    }
}
