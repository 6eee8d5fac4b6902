//! The file in which an interrupted run goes on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use candle_core::{Device, Tensor};
use resnet::{Parameters, parameters};
use serde_json::Value;

use crate::Task;

/// `NAME.state.safetensors`: the training's tensors, the steps behind it and the recipe it follows.
pub(crate) struct StateFile {
    path: PathBuf,
    recipe: Value,
}

/// Names beside those of the training's tensors.
const STEPS: &str = "steps done";
const RECIPE: &str = "recipe";

impl StateFile {
    pub fn new(folder: &Path, recipe: &impl Task) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self {
            path: folder.join(format!("{}.state.safetensors", recipe.name())),
            recipe: described(recipe)?,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the file at once, so that there is a whole one at any time.
    pub fn write(&self, mut state: Parameters, steps_done: usize) -> Result<()> {
        let recipe = serde_json::to_vec(&self.recipe)?;
        let length = recipe.len();
        state.insert(RECIPE.into(), Tensor::from_vec(recipe, length, &Device::Cpu)?);
        state.insert(STEPS.into(), Tensor::new(steps_done as u32, &Device::Cpu)?);
        Ok(parameters::save(&state, &self.path)?)
    }

    /// The saved tensors and the steps behind them, if there is a file.
    ///
    /// **Errors** if it cannot be read, or was begun by another recipe: the error says in what they differ.
    pub fn read(&self) -> Result<Option<(Parameters, usize)>> {
        if !self.path.is_file() {
            return Ok(None);
        }
        let path = self.path.display();
        let afresh = || format!("{path} cannot be gone on with; remove it to start afresh");
        let state = candle_core::safetensors::load(&self.path, &Device::Cpu).with_context(afresh)?;
        let get = |name: &str| {
            state
                .get(name)
                .with_context(|| format!("{name} is missing"))
                .with_context(afresh)
        };
        let begun: Value = serde_json::from_slice(&get(RECIPE)?.to_vec1::<u8>()?).with_context(afresh)?;
        if let Some((what, begun, now)) = difference(&begun, &self.recipe) {
            bail!(
                "{path} was begun with {what} {begun}, and this run asks for {now}; ask for the same again, or remove the \
                 file to start afresh"
            );
        }
        let steps = get(STEPS)?.to_scalar::<u32>().with_context(afresh)? as usize;
        Ok(Some((state, steps)))
    }

    pub fn remove(&self) {
        std::fs::remove_file(&self.path).ok();
    }
}

/// Everything that decides the weights.
fn described(recipe: &impl Task) -> Result<Value> {
    let stages: BTreeMap<String, Value> = (1..)
        .zip(recipe.stages())
        .map(|(number, stage)| Ok((format!("stage {number}"), serde_json::to_value(stage)?)))
        .collect::<Result<_>>()?;
    let mut described = serde_json::to_value(stages)?;
    described["data"] = recipe.data().into();
    described["seed"] = recipe.seed().into();
    described["network"] = format!("{:?}", recipe.config()).into();
    described["attack"] = serde_json::to_value(recipe.attack())?;
    Ok(described)
}

/// The first thing in which two recipes differ: its name, and both values.
fn difference(begun: &Value, now: &Value) -> Option<(String, String, String)> {
    let (begun, now) = (leaves(begun), leaves(now));
    let names = begun.keys().chain(now.keys());
    let differs = names.into_iter().find(|name| begun.get(*name) != now.get(*name))?;
    let shown = |of: &BTreeMap<String, Value>| of.get(differs).map_or("nothing".into(), Value::to_string);
    Some((differs.replace('_', " "), shown(&begun), shown(&now)))
}

/// Every value that holds no others, by the names on the way to it.
fn leaves(value: &Value) -> BTreeMap<String, Value> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| {
                let below = leaves(value).into_iter();
                below.map(move |(rest, value)| {
                    if rest.is_empty() {
                        (name.clone(), value)
                    } else {
                        (format!("{name}: {rest}"), value)
                    }
                })
            })
            .collect(),
        other => BTreeMap::from([(String::new(), other.clone())]),
    }
}
