//! The shared network and its operations against PyTorch and torchvision.
//!
//! The numbers come from `tests/fixtures/*.json`, beside the scripts that made them, in float64. Weights and inputs
//! come from an integer formula that both sides compute to the same bits, so they are not stored. Each comparison
//! runs twice: in `f32`, to the tolerance that the network promises, and in `f64`, where a wrong epsilon or a wrong
//! tie has nothing to hide behind.

mod comparison;
mod formula;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Result, Shape, Tensor, Var, bail};
use resnet::ops::{self, Window};
use resnet::{Config, Parameters, ResNet, Stem, Visitor, parameters};
use serde::Deserialize;

use comparison::{Architecture, Comparison, DTYPES, Digest, values};
use formula::{parameter, tensor};

// --------------------------------------------------------------------------------------- single operations

#[derive(Deserialize)]
struct Operations {
    records: Vec<Record>,
}

/// One call of one operation; fields that an operation does not have are at their default.
#[derive(Deserialize)]
struct Record {
    op: String,
    #[serde(default)]
    input: Vec<usize>,
    #[serde(default)]
    out: usize,
    #[serde(default)]
    window: [usize; 4],
    #[serde(default)]
    levels: usize,
    #[serde(default)]
    offset: f64,
    #[serde(default)]
    training: bool,
    #[serde(default)]
    variance_scale: f64,
    #[serde(default)]
    values: Vec<f64>,
    results: Vec<(String, Vec<usize>, Digest, Vec<f64>)>,
}

impl Record {
    fn title(&self) -> String {
        let Self {
            op,
            input,
            window: [kernel, stride, padding, dilation],
            ..
        } = self;
        let window = format!("kernel {kernel} stride {stride} padding {padding} dilation {dilation}");
        match op.as_str() {
            "conv2d" | "max_pool2d" => format!("{op} {input:?} {window}"),
            _ => format!("{op} {input:?}"),
        }
    }

    /// Runs the operation: its output, and the leaves whose gradients count.
    fn run(&self, dtype: DType) -> Result<(Tensor, BTreeMap<&'static str, Var>)> {
        let x = if self.values.is_empty() {
            let mut x = tensor("x", self.input.as_slice(), 1.0, 0.0, DType::F64)?;
            if self.levels > 0 {
                let levels = self.levels as f64;
                x = ((x * levels)?.floor()? / levels)?;
            }
            (x + self.offset)?.to_dtype(dtype)?
        } else {
            Tensor::new(self.values.as_slice(), &Device::Cpu)?.to_dtype(dtype)?
        };
        let x = Var::from_tensor(&x)?;
        let [kernel, stride, padding, dilation] = self.window;
        let window = Window {
            kernel,
            stride,
            padding,
            dilation,
        };
        let mut leaves = BTreeMap::from([("x", x.clone())]);
        let output = match self.op.as_str() {
            "conv2d" => {
                let shape = Shape::from((self.out, self.input[1], kernel, kernel));
                let weight = Var::from_tensor(&parameter("conv.weight", &shape, dtype)?)?;
                leaves.insert("weight", weight.clone());
                ops::conv2d(&x, &weight, window)?
            }
            "max_pool2d" => ops::max_pool2d(&x, window)?,
            "relu" => ops::relu(&x)?,
            "batch_norm" => {
                let channels = Shape::from(self.input[1]);
                let of = |name: &str| parameter(&format!("bn.{name}"), &channels, dtype);
                let (weight, bias) = (Var::from_tensor(&of("weight")?)?, Var::from_tensor(&of("bias")?)?);
                let statistics = if self.training {
                    ops::batch_statistics(&x)?
                } else {
                    ops::BatchStatistics {
                        mean: values(&of("running_mean")?)?,
                        variance: values(&(of("running_var")? * self.variance_scale)?)?,
                        count: 0,
                    }
                };
                leaves.insert("weight", weight.clone());
                leaves.insert("bias", bias.clone());
                ops::batch_norm(&x, &weight, &bias, &statistics, 1e-5, self.training)?
            }
            other => bail!("unknown operation {other}"),
        };
        Ok((output, leaves))
    }

    fn compare(&self, dtype: DType, comparison: &mut Comparison) -> Result<()> {
        let (output, leaves) = self.run(dtype)?;
        let upstream = tensor("upstream", output.shape(), 1.0, 0.0, dtype)?;
        let gradients = (&output * upstream)?.sum_all()?.backward()?;
        for (name, dims, digest, full) in &self.results {
            let ours = match name.as_str() {
                "output" => &output,
                // Of the module, not of the operation: compared in `training_mode_is_pytorchs`.
                "running_mean" | "running_var" => continue,
                leaf => gradients.get(&leaves[leaf]).expect("a gradient"),
            };
            let what = format!("{name}, {}", self.title());
            comparison.digest("value", &what, ours, dims, digest);
            if !full.is_empty() {
                comparison.values("value", &what, ours, full);
            }
        }
        Ok(())
    }
}

fn compare_operation(name: &str) {
    let fixture: Operations = serde_json::from_str(include_str!("../fixtures/ops.json")).expect("a readable fixture");
    for dtype in DTYPES {
        let mut comparison = Comparison::new(dtype);
        let records: Vec<_> = fixture.records.iter().filter(|r| r.op == name).collect();
        assert!(!records.is_empty(), "no record of {name}");
        for record in &records {
            record.compare(dtype, &mut comparison).expect("the operation runs");
        }
        comparison.assert_equal(&format!("{name}, {dtype:?}, {} calls", records.len()));
    }
}

/// Strides, paddings and dilations on odd sizes, with both gradients.
#[test]
fn convolution_is_pytorchs() {
    compare_operation("conv2d");
}

/// Ties go to the first maximum; the border never wins.
#[test]
fn max_pool_is_pytorchs() {
    compare_operation("max_pool2d");
}

/// Evaluation and training mode, a variance as small as epsilon, and a mean far from zero.
#[test]
fn batch_norm_is_pytorchs() {
    compare_operation("batch_norm");
}

/// The derivative at 0 and −0 is 0.
#[test]
fn relu_is_pytorchs() {
    compare_operation("relu");
}

// ----------------------------------------------------------------------------------------- whole networks

#[derive(Deserialize)]
struct Fixture {
    #[serde(default)]
    architectures: Vec<Architecture>,
    cases: Vec<Case>,
}

impl Fixture {
    fn shipped() -> Self {
        serde_json::from_str(include_str!("../fixtures/parity.json")).expect("a readable fixture")
    }
}

/// One network on one batch of images.
#[derive(Deserialize)]
struct Case {
    depth: usize,
    width: usize,
    stem: String,
    classes: usize,
    input: Vec<usize>,
    /// Name of the images in the formula.
    image_name: String,
    /// Image and class of the logit that is differentiated.
    logit: [usize; 2],
    logits: Vec<f64>,
    /// Site, shape, activation, gradient of the logit. The first is the input.
    sites: Vec<(String, Vec<usize>, Digest, Digest)>,
    /// Site, channel, and the gradient of the sum of that map, in the logit's image, with respect to the input.
    unit_gradients: Vec<(String, usize, Digest)>,
    /// Site, image, channel, and the whole map.
    maps: Vec<(String, usize, usize, Vec<f64>)>,
    /// The gradient of the logit with respect to its image, in full.
    #[serde(default)]
    input_gradient: Vec<f64>,
    training: Option<Training>,
}

/// One forward and backward pass in training mode.
#[derive(Deserialize)]
struct Training {
    logits: Vec<f64>,
    input_gradient: Digest,
    parameter_gradients: Vec<(String, Digest)>,
    running_statistics: Vec<(String, Digest)>,
}

fn config(depth: usize) -> Config {
    match depth {
        18 => Config::resnet18(),
        34 => Config::resnet34(),
        50 => Config::resnet50(),
        101 => Config::resnet101(),
        152 => Config::resnet152(),
        other => panic!("no ResNet-{other}"),
    }
}

impl Case {
    fn title(&self, dtype: DType) -> String {
        let Self {
            depth,
            width,
            stem,
            input,
            ..
        } = self;
        format!("ResNet-{depth}, width {width}, {stem} stem, input {input:?}, {dtype:?}")
    }

    fn config(&self) -> Config {
        let stem = if self.stem == "cifar" {
            Stem::Cifar
        } else {
            Stem::ImageNet
        };
        config(self.depth).width(self.width).stem(stem).classes(self.classes)
    }

    fn parameters(&self, dtype: DType) -> Result<Parameters> {
        let tensors = self.config().tensors().into_iter();
        tensors
            .map(|(name, dims)| {
                let value = parameter(&name, &Shape::from(dims), dtype)?;
                Ok((name, value))
            })
            .collect()
    }

    fn network(&self, dtype: DType) -> Result<ResNet> {
        ResNet::new(&self.config(), &self.parameters(dtype)?)
    }

    fn images(&self, dtype: DType) -> Result<Var> {
        Var::from_tensor(&tensor(&self.image_name, self.input.as_slice(), 2.0, 0.0, dtype)?)
    }

    fn class_score(&self, logits: &Tensor) -> Result<Tensor> {
        logits.get(self.logit[0])?.get(self.logit[1])
    }

    /// Runs the network with `tamper` looking on and compares everything the fixture has.
    fn compare(&self, network: &ResNet, images: &Var, tamper: &mut Visitor) -> Result<Comparison> {
        let mut comparison = Comparison::new(images.dtype());
        let mut seen = vec![];
        let logits = network.forward_visit(images, &mut |site, activation| {
            let activation = tamper(site, activation)?.unwrap_or_else(|| activation.clone());
            let tap = Var::from_tensor(&activation.zeros_like()?)?;
            let tapped = (&activation + tap.as_tensor())?;
            seen.push((site.to_string(), activation, tap));
            Ok(Some(tapped))
        })?;
        let gradients = self.class_score(&logits)?.backward()?;

        let expected: Vec<_> = self.sites.iter().skip(1).map(|row| row.0.as_str()).collect();
        let visited: Vec<_> = seen.iter().map(|(site, _, _)| site.as_str()).collect();
        assert_eq!(visited, expected, "the sites are torchvision's, in its order");
        assert_eq!(network.sites(), expected, "`sites` lists what a visitor sees");

        comparison.values("logits", "all", &logits, &self.logits);
        let input = ("input".to_string(), images.as_tensor().clone(), images.clone());
        for ((site, ours, tap), (_, dims, activation, gradient)) in
            std::iter::once(&input).chain(&seen).zip(&self.sites)
        {
            comparison.digest("activation", site, ours, dims, activation);
            match gradients.get(tap) {
                Some(ours) => comparison.digest("gradient", site, ours, dims, gradient),
                None => comparison.faults.push(format!("gradient of {site}: there is none")),
            }
        }
        for (site, image, channel, map) in &self.maps {
            let (_, activation, _) = seen.iter().find(|s| s.0 == *site).expect("the site of a map");
            let what = format!("{site} image {image} channel {channel}");
            comparison.values("map", &what, &activation.get(*image)?.get(*channel)?, map);
        }
        if let (false, Some(ours)) = (self.input_gradient.is_empty(), gradients.get(images)) {
            comparison.values(
                "input gradient",
                "every pixel",
                &ours.get(self.logit[0])?,
                &self.input_gradient,
            );
        }
        for (site, channel, gradient) in &self.unit_gradients {
            // Through the library's own taps this time: they must not disturb what lies upstream.
            let trace = network.tap(images, &["conv1", site])?;
            let objective = trace.activation(site)?.get(self.logit[0])?.get(*channel)?.sum_all()?;
            let ours = trace.gradients(&objective)?.of(images)?;
            comparison.digest(
                "unit gradient",
                &format!("{site} channel {channel}"),
                &ours,
                images.dims(),
                gradient,
            );
        }
        Ok(comparison)
    }
}

fn look_on(_site: &str, _activation: &Tensor) -> Result<Option<Tensor>> {
    Ok(None)
}

/// Logits, every site's activation and gradient, whole maps, unit and input gradients: ResNet-18 with both stems and
/// ResNet-50, on sides that are odd and even by turns.
#[test]
fn networks_are_torchvisions() {
    let cases = Fixture::shipped().cases;
    assert_eq!(cases.len(), 3, "cases to compare");
    for case in cases {
        for dtype in DTYPES {
            let network = case.network(dtype).expect("a network");
            let images = case.images(dtype).expect("images");
            let comparison = case.compare(&network, &images, &mut look_on).expect("the network runs");
            comparison.assert_equal(&case.title(dtype));
        }
    }
}

/// torchvision's own networks at full width, from the files that `fixtures/full_width.py` writes before it runs this.
#[test]
#[ignore = "run by tests/fixtures/full_width.py, which needs torchvision"]
fn full_width_networks_are_torchvisions() {
    let folder = PathBuf::from(std::env::var_os("RESNET_PARITY").expect("RESNET_PARITY, as full_width.py sets it"));
    let fixture = std::fs::read_to_string(folder.join("parity.json")).expect("a fixture");
    let fixture: Fixture = serde_json::from_str(&fixture).expect("a readable fixture");
    for case in &fixture.cases {
        for (extension, dtype) in [
            ("safetensors", DType::F64),
            ("safetensors", DType::F32),
            ("pth", DType::F32),
        ] {
            let path = folder.join(format!("resnet{}.{extension}", case.depth));
            let network = ResNet::load(&path).expect("torchvision's file loads");
            assert_eq!(*network.config(), case.config());
            let network = if dtype == DType::F64 {
                widened(&path).expect("a network")
            } else {
                network
            };
            let images = case.images(dtype).expect("images");
            let comparison = case.compare(&network, &images, &mut look_on).expect("the network runs");
            comparison.assert_equal(&format!("{}, from .{extension}", case.title(dtype)));
        }
    }
}

/// The network of a file in `f64`.
fn widened(path: &Path) -> Result<ResNet> {
    let parameters = parameters::read(path)?;
    let config = Config::of(&parameters)?;
    let parameters: Result<Parameters> = parameters
        .into_iter()
        .map(|(name, tensor)| Ok((name, tensor.to_dtype(DType::F64)?)))
        .collect();
    ResNet::new(&config, &parameters?)
}

/// What the comparison is worth: each small lie about the network shows, first at the site where it was told.
#[test]
fn a_lie_about_one_site_is_noticed_there() {
    type Lie = fn(&Tensor) -> Result<Tensor>;
    let lies: [(&str, &str, Lie); 6] = [
        ("ReLU before the addition", "layer1.1.bn2", ops::relu),
        ("no ReLU after the addition", "layer2.0.relu_1", |a| a - 0.1),
        ("height and width swapped", "layer4.0.conv1", |a| {
            a.transpose(2, 3)?.contiguous()?.reshape(a.shape())
        }),
        ("rows upside down", "layer2.1.add", |a| a.flip(&[2])),
        ("channels in reverse", "layer3.0.downsample.0", |a| a.flip(&[1])),
        ("a thousandth too large", "avgpool", |a| a * 1.001),
    ];
    let case = Fixture::shipped().cases.pop().expect("a case");
    let network = case.network(DType::F32).expect("a network");
    let images = case.images(DType::F32).expect("images");
    for (title, place, lie) in lies {
        let mut tamper = |site: &str, a: &Tensor| {
            if site == place { lie(a).map(Some) } else { Ok(None) }
        };
        let comparison = case.compare(&network, &images, &mut tamper).expect("the network runs");
        let first = comparison.faults.iter().find(|fault| fault.starts_with("activation"));
        let first = first.unwrap_or_else(|| panic!("{title} at {place} goes unnoticed"));
        assert!(
            first.starts_with(&format!("activation of {place}:")),
            "{title} at {place} shows first as {first}"
        );
    }
}

/// A cut in the graph changes no activation; the gradients upstream of it show it.
#[test]
fn a_cut_gradient_is_noticed() {
    let case = Fixture::shipped().cases.pop().expect("a case");
    let network = case.network(DType::F32).expect("a network");
    let images = case.images(DType::F32).expect("images");
    let mut cut = |site: &str, a: &Tensor| Ok((site == "layer3.0.relu").then(|| a.detach()));
    let comparison = case.compare(&network, &images, &mut cut).expect("the network runs");
    assert!(comparison.faults.iter().all(|fault| !fault.starts_with("activation")));
    for site in ["layer3.0.bn1", "layer3.0.conv1", "layer2.1.relu_1", "conv1", "input"] {
        let prefix = format!("gradient of {site}:");
        assert!(
            comparison.faults.iter().any(|fault| fault.starts_with(&prefix)),
            "unnoticed at {site}"
        );
    }
}

/// One kernel with its height and width swapped changes every number after it.
#[test]
fn a_transposed_kernel_is_noticed() {
    let case = Fixture::shipped().cases.pop().expect("a case");
    let mut parameters = case.parameters(DType::F32).expect("parameters");
    let kernel = parameters.get_mut("layer3.1.conv2.weight").expect("a kernel");
    *kernel = kernel
        .transpose(2, 3)
        .and_then(|k| k.contiguous())
        .expect("the same shape");
    let network = ResNet::new(&case.config(), &parameters).expect("a network");
    let images = case.images(DType::F32).expect("images");
    let comparison = case.compare(&network, &images, &mut look_on).expect("the network runs");
    let first = comparison
        .faults
        .iter()
        .find(|fault| fault.starts_with("activation"))
        .expect("a fault");
    assert!(first.starts_with("activation of layer3.1.conv2:"), "{first}");
}

/// In training mode: logits, input gradient, the gradient of every parameter, and the running statistics afterwards.
#[test]
fn training_mode_is_torchvisions() {
    let fixture = Fixture::shipped();
    assert!(
        fixture.cases.iter().any(|case| case.training.is_some()),
        "no case to compare"
    );
    for (case, training) in fixture.cases.iter().filter_map(|c| Some((c, c.training.as_ref()?))) {
        for dtype in DTYPES {
            let comparison = compare_training(case, training, dtype).expect("the network runs");
            comparison.assert_equal(&format!("training, {}", case.title(dtype)));
        }
    }
}

fn compare_training(case: &Case, training: &Training, dtype: DType) -> Result<Comparison> {
    let mut variables = BTreeMap::new();
    let mut parameters = Parameters::new();
    for (name, value) in case.parameters(dtype)? {
        let variable = Var::from_tensor(&value)?;
        parameters.insert(name.clone(), variable.as_tensor().clone());
        variables.insert(name, variable);
    }
    let network = ResNet::new(&case.config(), &parameters)?;
    let images = case.images(dtype)?;
    let logits = network.forward_training(&images)?;
    let gradients = case.class_score(&logits)?.backward()?;

    let mut comparison = Comparison::new(dtype);
    comparison.values("logits", "all", &logits, &training.logits);
    let ours = gradients.get(&images).expect("an input gradient");
    comparison.digest("input gradient", "all", ours, images.dims(), &training.input_gradient);
    for (name, digest) in &training.parameter_gradients {
        let variable = &variables[name];
        let ours = gradients.get(variable).expect("a gradient of every parameter");
        comparison.digest("parameter gradient", name, ours, variable.dims(), digest);
    }
    for (name, digest) in &training.running_statistics {
        comparison.digest(
            "running statistics",
            name,
            &variables[name],
            variables[name].dims(),
            digest,
        );
    }
    Ok(comparison)
}

/// 11,689,512 / 21,797,672 / 25,557,032 / 44,549,160 / 60,192,808, and every tensor's name and shape.
#[test]
fn parameter_counts_names_and_shapes_are_torchvisions() {
    let counts = [11_689_512, 21_797_672, 25_557_032, 44_549_160, 60_192_808];
    let architectures = Fixture::shipped().architectures;
    assert_eq!(architectures.iter().map(|a| a.parameters).collect::<Vec<_>>(), counts);
    for architecture in architectures {
        let depth = architecture.name.trim_start_matches("resnet").parse().expect("a depth");
        let config = config(depth);
        architecture.is_that_of(&config);
    }
}

/// The counts of two networks that were really built, one of each kind of block.
#[test]
fn built_networks_hold_as_many_parameters() {
    for (config, expected) in [(Config::resnet18(), 11_689_512), (Config::resnet50(), 25_557_032)] {
        let parameters = parameters::initialize(&config, 1).expect("weights");
        ResNet::new(&config, &parameters).expect("a network of exactly these weights");
        let trainable = parameters.iter().filter(|(name, _)| !name.contains("running_"));
        assert_eq!(
            trainable.map(|(_, tensor)| tensor.elem_count()).sum::<usize>(),
            expected,
            "{}",
            config.name()
        );
    }
}
