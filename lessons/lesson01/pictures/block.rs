//! 1.5: the basic block with the shapes that the learner's own block gives, and the bottleneck beside it.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Area, Arrow, Diagram, Figure, Node, palette};
use lesson01::basic_block;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use resnet::{Config, Parameters};
use studio::Material;

use super::random::normal;

pub fn draw(_: &Material) -> Result<Figure> {
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
