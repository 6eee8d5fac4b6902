//! What is drawn: one function per picture, from the lesson's own functions.

use anyhow::Result;
use candle_core::{Device, Tensor};
use draw::{
    Area, Arrow, BarChart, Diagram, Figure, Heatmap, ImagePanel, LineChart, MapGrid, Node, Region, Scale, Series,
    Share, palette,
};
use lesson01::{
    Design, average_pool, basic_block, convolve, gradient_norms, max_pool, parameter_count, receptive_field, relu,
    shape_table,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use resnet::{Block, Config, Parameters, Window};
use scenes::{Grain, Sampler, Scene};
use studio::{Draw, Material};

/// Name and function of each picture.
pub const ALL: [(&str, Draw); 8] = [
    ("convolution", convolution),
    ("filters", filters),
    ("pooling", pooling),
    ("block", block),
    ("shapes", shapes),
    ("parameters", parameters),
    ("receptive_field", receptive_fields),
    ("gradient_norms", gradients),
];

/// The image in the pictures.
const IMAGE: u64 = 7;

/// The image of the pictures, `[3, height, width]` in [0, 1], and its name; a scene without its grain.
fn image(material: &Material) -> Result<(Tensor, String)> {
    let sample = material.image(IMAGE)?;
    let pixels = match &sample.rendered {
        Some(rendered) => smooth(&rendered.scene)?,
        None => sample.pixels,
    };
    Ok((pixels, sample.name))
}

/// A scene without its grain, `[3, height, width]` in [0, 1].
fn smooth(scene: &Scene) -> Result<Tensor> {
    let none = Grain { strength: 0.0, seed: 0 };
    Ok(scene.with_grain(none).render().image.to_tensor(&Device::Cpu)?)
}

/// Brightness, `[1, height, width]`.
fn grey(image: &Tensor) -> Result<Tensor> {
    Ok(image.mean_keepdim(0)?)
}

/// 1.2 and the ReLU of 1.4: three filters made by hand, before and after the non-linearity.
fn convolution(material: &Material) -> Result<Figure> {
    let filters = [
        ("brighter to the right", [[-1f32, 0., 1.], [-2., 0., 2.], [-1., 0., 1.]]),
        ("brighter below", [[-1., -2., -1.], [0., 0., 0.], [1., 2., 1.]]),
        (
            "brighter than around",
            [[-1., -1., -1.], [-1., 8., -1.], [-1., -1., -1.]],
        ),
    ];
    let (image, name) = image(material)?;
    let mut figure = Figure::new("What three filters find").caption(format!(
        "Your convolve (1.2) on the brightness of {name}, kernel 3, no padding. Upper row: pre-activations, blue \
         negative, red positive, each map with its own scale around 0. Lower row: after your relu (1.4), viridis from 0."
    ));
    let maps = filters.map(|(name, filter)| -> Result<_> {
        let kernels = Tensor::new(&[[filter]], &Device::Cpu)?;
        let map = convolve(&grey(&image)?, &kernels, None, Window::new(3))?;
        Ok((name, map.get(0)?))
    });
    let maps: Vec<_> = maps.into_iter().collect::<Result<_>>()?;
    figure = figure.panel(ImagePanel::new(&image)?.title("input"));
    for (name, map) in &maps {
        figure = figure.panel(Heatmap::new(map)?.title(*name).scale(Scale::Symmetric).without_bar());
    }
    figure = figure.panel(Heatmap::new(&grey(&image)?.get(0)?)?.title("brightness").without_bar());
    for (_, map) in &maps {
        figure = figure.panel(Heatmap::new(&relu(map)?)?.title("relu").without_bar());
    }
    Ok(figure.columns(4).width(760))
}

/// The first layer of the shared network, and its feature maps by the learner's own convolution.
fn filters(material: &Material) -> Result<Figure> {
    let weights = material.network().parameter("conv1.weight")?;
    let window = material.network().config().stem.convolution();
    let (image, name) = image(material)?;
    let normalized = resnet::normalize(&image.unsqueeze(0)?)?.squeeze(0)?;
    let maps = convolve(&normalized, weights, None, window)?;
    let (filters, height, width) = maps.dims3()?;
    let columns = filters.isqrt();
    let numbers = || (0..filters).map(|filter| filter.to_string());
    Ok(Figure::new("The filters of the first layer, and what they find")
        .caption(format!(
            "conv1 of {}: {filters} filters of 3×{kernel}×{kernel}, stride {}. Left: weights as colours, grey is 0, \
             each filter with its own scale. Right: your convolve (1.2) on {name}; pre-activations, blue negative, red \
             positive, each map with its own scale around 0.",
            material.network_name(),
            window.stride,
            kernel = window.kernel,
        ))
        .panel(ImagePanel::new(&image)?.title("input"))
        .panel(
            MapGrid::filters(weights)?
                .columns(columns)
                .labels(numbers())
                .title("filters"),
        )
        .panel(
            MapGrid::maps(&maps)?
                .columns(columns)
                .labels(numbers())
                .scale(Scale::Symmetric)
                .share(Share::Each)
                .title(format!("feature maps, {height}×{width}")),
        )
        .width(800))
}

/// 1.3: one feature map, pooled until little is left.
fn pooling(material: &Material) -> Result<Figure> {
    let edges = Tensor::new(&[[[[-1f32, 0., 1.], [-2., 0., 2.], [-1., 0., 1.]]]], &Device::Cpu)?;
    let (image, name) = image(material)?;
    let map = resnet::ops::conv2d(&grey(&image)?.unsqueeze(0)?, &edges, Window::new(3))?;
    let map = resnet::ops::relu(&map)?.squeeze(0)?;
    let (_, height, width) = map.dims3()?;
    let mut figure = Figure::new("Pooling: is it there, and how much of it?")
        .caption(format!(
            "Where {name} gets brighter to the right (ReLU of a convolution), {height}×{width}. Upper row: your max_pool \
             with kernel = stride = 2, 4, 8. Lower row: your average_pool (1.3). Viridis, each map from 0 to its own \
             maximum.",
        ))
        .columns(4)
        .width(1000);
    type Pool = fn(&Tensor, Window) -> candle_core::Result<Tensor>;
    for (name, pool) in [("max", max_pool as Pool), ("average", average_pool as Pool)] {
        figure = figure.panel(Heatmap::new(&map.get(0)?)?.title("feature map").without_bar());
        for side in [2, 4, 8] {
            let pooled = pool(&map, Window::new(side).stride(side))?.get(0)?;
            let title = format!("{name} {side}×{side}");
            figure = figure.panel(Heatmap::new(&pooled)?.title(title).without_bar());
        }
    }
    Ok(figure)
}

/// 1.5: the basic block with the shapes that the learner's own block gives, and the bottleneck beside it.
fn block(_: &Material) -> Result<Figure> {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let weights = resnet::parameters::initialize(&Config::resnet18(), 0)?;
    let within = |name: &str| -> Parameters {
        let inside = weights
            .iter()
            .filter_map(|(key, weight)| Some((key.strip_prefix(name)?, weight)));
        inside.map(|(key, weight)| (key.to_string(), weight.clone())).collect()
    };
    let x = normal(&mut random, [1, 64, 56, 56], 1.0)?;
    let same = basic_block(&x, &within("layer1.0."), 1)?;
    let halved = basic_block(&x, &within("layer2.0."), 2)?;
    let shape = |tensor: &Tensor| -> Result<String> {
        let (_, channels, height, width) = tensor.dims4()?;
        Ok(format!("{channels}×{height}×{width}"))
    };

    let basic = |stride: &str, channels: usize| {
        vec![
            format!("conv1 3×3, {channels}\n{stride}bn1, relu"),
            format!("conv2 3×3, {channels}\nbn2"),
        ]
    };
    let bottleneck = vec![
        "conv1 1×1, 64\nbn1, relu".into(),
        "conv2 3×3, 64\nbn2, relu".into(),
        "conv3 1×1, 256\nbn3".into(),
    ];
    Ok(Figure::new("Two ways from x to y: the residual blocks of ResNet")
        .caption(
            "Left and middle: layer1.0 and layer2.0 of ResNet-18; the shapes are those of your basic_block (1.5) on a \
             random input. Right: layer1.1 of ResNet-50.",
        )
        .panel(residual(
            "basic block",
            &shape(&x)?,
            &basic("", 64),
            None,
            &shape(&same)?,
        ))
        .panel(residual(
            "basic block with projection",
            &shape(&x)?,
            &basic("stride 2, ", 128),
            Some("downsample\n1×1, 128\nstride 2, bn"),
            &shape(&halved)?,
        ))
        .panel(residual("bottleneck", "256×56×56", &bottleneck, None, "256×56×56"))
        .width(1100))
}

/// A block: the branch from top to bottom, the shortcut to the right of it.
fn residual(title: &str, input: &str, branch: &[String], projection: Option<&str>, output: &str) -> Diagram {
    const SHORTCUT: f32 = 2.1;
    let (first, last) = (1.3, 3.5);
    let step = (last - first) / (branch.len() - 1) as f32;
    let (join, end) = (4.75, 5.6);
    let mut diagram = Diagram::new()
        .title(title)
        .area(
            Area::new("F(x)")
                .from([-1.15, 0.55])
                .to([1.15, 4.0])
                .color(palette::BLUE),
        )
        .node(
            Node::new("x", format!("x   {input}"))
                .at([0.0, 0.0])
                .color(palette::GRAY),
        )
        .node(Node::circle("add", "+").at([0.0, join]))
        .node(
            Node::new("y", format!("y = relu(…)   {output}"))
                .at([0.0, end])
                .color(palette::GRAY),
        );
    let mut path = vec!["x".to_string()];
    for (row, text) in branch.iter().enumerate() {
        let id = format!("layer {row}");
        let place = [0.0, first + step * row as f32];
        diagram = diagram.node(Node::new(&id, text).at(place).size([1.9, 0.62]));
        path.push(id);
    }
    path.extend(["add".to_string(), "y".to_string()]);
    diagram = diagram.chain(path);
    match projection {
        None => diagram.arrow(
            Arrow::new("x", "add")
                .via([[SHORTCUT, 0.0], [SHORTCUT, join]])
                .label("x")
                .color(palette::VERMILLION),
        ),
        Some(text) => diagram
            .node(
                Node::new("projection", text)
                    .at([SHORTCUT, 2.3])
                    .color(palette::VERMILLION),
            )
            .arrow(
                Arrow::new("x", "projection")
                    .via([[SHORTCUT, 0.0]])
                    .color(palette::VERMILLION),
            )
            .arrow(
                Arrow::new("projection", "add")
                    .via([[SHORTCUT, join]])
                    .color(palette::VERMILLION),
            ),
    }
}

/// 1.6: an image on its way: fewer places, more features.
fn shapes(_: &Material) -> Result<Figure> {
    let rows = shape_table(&Config::resnet18(), [1, 3, 224, 224])?;
    let maps: Vec<_> = rows.iter().filter(|(_, shape)| shape.len() == 4).collect();
    let series = |name: &str, of: fn(&[usize]) -> usize| {
        Series::over_index(name, maps.iter().map(|(_, shape)| of(shape) as f64)).markers()
    };
    Ok(Figure::new("From places to features")
        .caption(
            "ResNet-18 on one image of 224×224, by your shape_table (1.6): how many features there are, at how many \
             places along a side, and how many numbers that makes.",
        )
        .panel(
            LineChart::new()
                .x_names(maps.iter().map(|(name, _)| name.as_str()))
                .x_label("layer")
                .y_label("count")
                .log_y()
                .series(series("numbers in the activation", |shape| shape.iter().product()))
                .series(series("features (channels)", |shape| shape[1]))
                .series(series("places along a side", |shape| shape[2])),
        )
        .width(900))
}

/// 1.7: where the parameters are.
fn parameters(_: &Material) -> Result<Figure> {
    let all = [
        Config::resnet18(),
        Config::resnet34(),
        Config::resnet50(),
        Config::resnet101(),
        Config::resnet152(),
    ];
    let millions = all.iter().map(|config| parameter_count(config) as f64 / 1e6);
    Ok(Figure::new("Parameters of the five networks of the paper")
        .caption("Millions of parameters, by your parameter_count (1.7). ResNet-50 is as deep as ResNet-34 in blocks.")
        .panel(
            BarChart::new(all.iter().map(Config::name))
                .group("parameters", millions)
                .y_label("million")
                .with_numbers(),
        )
        .width(800))
}

/// 1.8: what one unit in the middle sees.
fn receptive_fields(_: &Material) -> Result<Figure> {
    const SIDE: f32 = 224.0;
    const TWO_FIGURES: (u64, u64) = (7, 11);
    let (seed, index) = TWO_FIGURES;
    let image = smooth(&Scene::sample(&Sampler::two_figures(), seed, index)?)?;
    let mut windows = vec![];
    let mut fields = vec![];
    let config = Config::resnet18();
    windows.push(config.stem.convolution());
    fields.push(("conv1".to_string(), receptive_field(&windows)));
    windows.extend(config.stem.pool());
    fields.push(("maxpool".to_string(), receptive_field(&windows)));
    for (stage, blocks) in config.blocks.into_iter().enumerate() {
        for block in 0..blocks {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            windows.extend([Window::new(3).stride(stride).padding(1), Window::new(3).padding(1)]);
        }
        fields.push((format!("layer{}", stage + 1), receptive_field(&windows)));
    }
    debug_assert_eq!(config.block, Block::Basic);

    let mut panel = ImagePanel::new(&image)?.title("one unit in the middle of each layer");
    for (index, (_, field)) in fields.iter().enumerate() {
        let size = (field.size as f32).min(SIDE);
        let corner = (SIDE - size) / 2.0;
        panel = panel.mark(
            Region {
                x: corner,
                y: corner,
                width: size,
                height: size,
            },
            palette::series(index),
        );
    }
    Ok(Figure::new("How much of the image a unit sees")
        .caption(
            "ResNet-18 on 224×224, by your receptive_field (1.8). The squares, from the inside: conv1, maxpool, layer1 \
             to layer3; the field of layer4, 435 pixels wide, reaches beyond the image on all sides.",
        )
        .panel(panel)
        .panel(
            BarChart::new(fields.iter().map(|(name, _)| name.as_str()))
                .group("size", fields.iter().map(|(_, field)| field.size as f64))
                .group("stride", fields.iter().map(|(_, field)| field.stride as f64))
                .y_label("pixels of the image")
                .with_numbers()
                .title("size and stride of the receptive field"),
        )
        .width(1100))
}

/// 1.9: four designs at two scales of the first weights.
fn gradients(_: &Material) -> Result<Figure> {
    const BLOCKS: usize = 50;
    const SHAPE: [usize; 4] = [4, 16, 8, 8];
    let [_, channels, _, _] = SHAPE;
    let designs = [
        (
            "plain",
            Design {
                skip: false,
                batch_norm: false,
            },
        ),
        (
            "plain, batch norm",
            Design {
                skip: false,
                batch_norm: true,
            },
        ),
        (
            "residual",
            Design {
                skip: true,
                batch_norm: false,
            },
        ),
        (
            "residual, batch norm",
            Design {
                skip: true,
                batch_norm: true,
            },
        ),
    ];
    let mut figure = Figure::new("The gradient on its way back through 100 layers").caption(
        "Your gradient_norms (1.9): 50 blocks of two 3×3 convolutions, 16 channels, 8×8, 4 random images, before any \
         training. Norm of the loss's gradient after each block, divided by that after the last. Kernels are normal with \
         variance 2 / (9·16) on the left (He), half of that on the right.",
    );
    for (title, gain) in [("variance 2 / fan-in", 2.0), ("variance 1 / fan-in", 1.0)] {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let deviation = (gain / (9 * channels) as f64).sqrt();
        let mut kernel = || normal(&mut random, [channels, channels, 3, 3], deviation);
        let kernels = (0..BLOCKS)
            .map(|_| Ok((kernel()?, kernel()?)))
            .collect::<Result<Vec<_>>>()?;
        let input = normal(&mut random, SHAPE, 1.0)?;
        let output_gradient = normal(&mut random, SHAPE, 1.0)?;
        let mut chart = LineChart::new()
            .title(title)
            .x_label("block, from the image (1) to the loss (50)")
            .y_label("gradient norm, relative to the last block")
            .log_y()
            .y_range(1e-19..=1e9);
        for (name, design) in designs {
            let norms = gradient_norms(&input, &output_gradient, &kernels, design)?;
            let last = norms[BLOCKS - 1];
            chart = chart.series(Series::new(
                name,
                norms
                    .iter()
                    .zip(1..)
                    .map(|(norm, block)| (f64::from(block), norm / last)),
            ));
        }
        figure = figure.panel(chart);
    }
    Ok(figure.width(1200))
}

/// Normally distributed numbers (Box and Muller).
fn normal(random: &mut ChaCha8Rng, shape: [usize; 4], deviation: f64) -> Result<Tensor> {
    let count: usize = shape.iter().product();
    let mut one = || {
        let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
        (radius * (std::f64::consts::TAU * random.random::<f64>()).cos() * deviation) as f32
    };
    let values = (0..count).map(|_| one()).collect();
    Ok(Tensor::from_vec(values, &shape[..], &Device::Cpu)?)
}
