//! One figure of every kind: `cargo run -p draw --example gallery -- DIR`.

use std::path::PathBuf;

use candle_core::{Device, Result, Tensor};
use draw::{
    Area, Arrow, Chart, Colormap, Diagram, Figure, Heatmap, ImagePanel, MapGrid, Node, PixelGrid, Region, Scale,
    Series, Share, Table, Upscale, palette,
};

fn main() -> Result<()> {
    writing::end_with_the_reader();
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "gallery".to_string()));
    for (name, figure) in [
        ("maps", maps()?),
        ("grids", grids()?),
        ("charts", charts()?),
        ("diagram", diagram()?),
        ("receptive_field", receptive_field()?),
        ("scales", scales()?),
    ] {
        let path = figure.save(folder.join(name).with_extension("png"))?;
        println!("{}", path.display());
    }
    Ok(())
}

/// Made-up values: a smooth function of channel, row and column.
fn waves(channels: usize, height: usize, width: usize) -> Result<Tensor> {
    let value = |i: usize| {
        let (c, y, x) = (i / (height * width), i / width % height, i % width);
        let (y, x) = (y as f32 / height as f32 - 0.5, x as f32 / width as f32 - 0.5);
        let angle = c as f32 * 0.7;
        ((x * angle.cos() + y * angle.sin()) * (6.0 + c as f32)).sin() * (-(x * x + y * y) * (2.0 + c as f32)).exp()
    };
    let all: Vec<f32> = (0..channels * height * width).map(value).collect();
    Tensor::from_vec(all, (channels, height, width), &Device::Cpu)
}

fn photo() -> Result<Tensor> {
    waves(3, 128, 128)?.affine(0.5, 0.5)
}

fn maps() -> Result<Figure> {
    let map = waves(2, 8, 8)?.get(1)?;
    Ok(Figure::new("One channel, three ways to look at it")
        .caption(
            "Made-up values in place of a network. Left: input, 128×128. Middle: activations of an 8×8 map, every cell a block; \
             blue–red, symmetric around 0. Right: its absolute value, interpolated; magma, 0 to 1.",
        )
        .panel(ImagePanel::new(&photo()?)?.title("input").mark(
            Region { x: 40.0, y: 30.0, width: 48.0, height: 48.0 },
            palette::VERMILLION,
        ))
        .panel(Heatmap::new(&map)?.title("activation").quantity("channel 7, layer3").scale(Scale::Symmetric))
        .panel(
            Heatmap::new(&map.abs()?)?
                .title("|activation|, bilinear")
                .scale(Scale::Range { min: 0.0, max: 1.0 })
                .colormap(Colormap::Magma)
                .upscale(Upscale::Bilinear),
        ))
}

fn grids() -> Result<Figure> {
    let filters = waves(16 * 3, 7, 7)?.reshape((16, 3, 7, 7))?;
    let images = Tensor::stack(&vec![photo()?; 6], 0)?;
    Ok(Figure::new("Grids of small pictures")
        .caption("Made-up values. Above: filters in RGB, beside six images. Below: the same 16 feature maps of 4×4, each with its own scale and all with one.")
        .panel(MapGrid::filters(&filters)?.title("conv1 weights").columns(8))
        .panel(MapGrid::images(&images)?.title("images").columns(3).labels(["circle", "square", "star", "ring", "cross", "a label that is too long"]))
        .next_row()
        .panel(MapGrid::maps(&waves(16, 4, 4)?)?.title("own scale").labels((0..16).map(|i| i.to_string())))
        .panel(MapGrid::maps(&waves(16, 4, 4)?)?.title("one scale").share(Share::All).scale(Scale::Symmetric).labels((0..16).map(|i| i.to_string()))))
}

fn charts() -> Result<Figure> {
    let decay = |rate: f64| (1..=50).map(move |depth| (depth as f64, (-rate * depth as f64).exp()));
    let layers = ["conv1", "layer1", "layer2", "layer3", "layer4"];
    Ok(Figure::new("Charts")
        .caption("Made-up values. Categorical colours after Okabe and Ito; markers repeat what colour says.")
        .columns(2)
        .panel(
            Chart::new()
                .title("gradient norm over depth")
                .x_label("depth (layers)")
                .y_label("‖∂L/∂w‖, relative")
                .log_y()
                .series(Series::new("plain", decay(0.35)))
                .series(Series::new("residual", decay(0.05)))
                .series(Series::new("residual, no batch norm", decay(0.1)).dashed()),
        )
        .panel(
            Chart::over(layers)
                .title("probe accuracy by layer")
                .y_label("accuracy")
                .y_range(0.0..=1.0)
                .series(Series::over_index("shape", [0.13, 0.23, 0.78, 0.99, 0.99]).markers())
                .series(Series::over_index("colour", [0.31, 0.46, 0.43, 0.17, 0.13]).markers())
                .series(Series::over_index("texture", [0.31, 0.33, 0.32, 0.26, 0.22]).markers())
                .level("chance", 0.1),
        )
        .panel(
            Chart::over(layers)
                .title("units by concept")
                .y_label("units")
                .bars("colour", [13.0, 4.0, 4.0, 0.0, 0.0])
                .bars("texture", [2.0, 0.0, 0.0, 0.0, 0.0])
                .bars("shape", [0.0, 0.0, 0.0, 21.0, 76.0])
                .with_numbers(),
        )
        .panel(
            Chart::new()
                .title("weights of conv1")
                .x_label("weight")
                .y_label("count")
                .series(Series::distribution(
                    "weights",
                    &Tensor::randn(0f32, 1f32, 4000, &Device::Cpu)?,
                    40,
                )?)
                .mark("mean", 0.0),
        )
        .next_row()
        .panel(
            Table::new(["site", "mean", "std"])
                .title("statistics")
                .row(["conv1", "0.02", "0.71"])
                .row(["layer1", "0.40", "0.52"]),
        ))
}

fn diagram() -> Result<Figure> {
    let block = |title: &str, first: &str, second: &str, third: Option<&str>| {
        let mut diagram = Diagram::new()
            .title(title)
            .area(Area::new("F(x)").from([-1.2, 0.75]).to([1.2, 4.1]).color(palette::BLUE))
            .node(Node::new("x", "x").at([0.0, 0.0]).color(palette::GRAY))
            .node(Node::new("first", first).at([0.0, 1.35]).size([1.9, 0.6]))
            .node(
                Node::new("second", second)
                    .at([0.0, if third.is_some() { 2.45 } else { 3.0 }])
                    .size([1.9, 0.6]),
            )
            .node(Node::circle("add", "+").at([0.0, 4.55]))
            .node(Node::new("y", "ReLU(F(x) + x)").at([0.0, 5.3]).color(palette::GRAY))
            .arrow(Arrow::new("x", "first").label("64×56×56"))
            .arrow(Arrow::new("first", "second").label("ReLU"))
            .arrow(Arrow::new("add", "y"))
            .arrow(
                Arrow::new("x", "add")
                    .via([[1.75, 0.0], [1.75, 4.55]])
                    .label("identity")
                    .dashed(),
            );
        diagram = match third {
            Some(third) => diagram
                .node(Node::new("third", third).at([0.0, 3.55]).size([1.9, 0.6]))
                .arrow(Arrow::new("second", "third").label("ReLU"))
                .arrow(Arrow::new("third", "add")),
            None => diagram.arrow(Arrow::new("second", "add")),
        };
        diagram
    };
    Ok(Figure::new("The basic block and the bottleneck")
        .caption("He et al. 2015, figure 5. Batch norm follows every convolution and is not drawn.")
        .panel(block("basic block", "3×3 conv, 64", "3×3 conv, 64", None))
        .panel(block(
            "bottleneck",
            "1×1 conv, 64",
            "3×3 conv, 64",
            Some("1×1 conv, 256"),
        )))
}

fn receptive_field() -> Result<Figure> {
    let centered = |side: f32, of: f32| Region {
        x: (of - side) / 2.0,
        y: (of - side) / 2.0,
        width: side,
        height: side,
    };
    let numbers = Tensor::arange(0f32, 36f32, &Device::Cpu)?
        .reshape((6, 6))?
        .affine(0.25, -2.0)?;
    Ok(Figure::new("What one unit sees")
        .caption("Receptive fields of three stacked 3×3 convolutions; a window over numbers; a window over an image.")
        .panel(
            PixelGrid::square(11)
                .title("three 3×3 convolutions")
                .region("conv3 sees 7×7", centered(7.0, 11.0))
                .region("conv2 sees 5×5", centered(5.0, 11.0))
                .region("conv1 sees 3×3", centered(3.0, 11.0)),
        )
        .panel(
            PixelGrid::numbers(&numbers)?
                .title("a window, stride 2")
                .region(
                    "first output",
                    Region {
                        x: 0.0,
                        y: 0.0,
                        width: 3.0,
                        height: 3.0,
                    },
                )
                .region(
                    "second output",
                    Region {
                        x: 2.0,
                        y: 0.0,
                        width: 3.0,
                        height: 3.0,
                    },
                ),
        )
        .panel(
            PixelGrid::image(&photo()?)?
                .title("layer2 in the image")
                .region("43 pixels", centered(43.0, 128.0)),
        )
        .next_row()
        .panel(
            Heatmap::new(&numbers)?
                .with_numbers()
                .scale(Scale::Symmetric)
                .title("numbers in colour"),
        ))
}

fn scales() -> Result<Figure> {
    let constant = Tensor::full(3f32, (5, 5), &Device::Cpu)?;
    let ramp = Tensor::arange(0f32, 25f32, &Device::Cpu)?.reshape((5, 5))?;
    let broken = ((&ramp - 12.0)? / (&ramp - 12.0)?)?.add(&ramp)?;
    let tiny = (&ramp * 1e-6)?;
    let many = Scale::over([&ramp, &constant])?;
    Ok(Figure::new("Scales, constants and NaN")
        .caption("A map without contrast has the middle colour. NaN is cyan and counted.")
        .columns(4)
        .panel(Heatmap::new(&constant)?.title("constant"))
        .panel(Heatmap::new(&broken)?.title("one NaN"))
        .panel(Heatmap::new(&tiny)?.title("very small").colormap(Colormap::Magma))
        .panel(
            Heatmap::new(&ramp)?
                .title("common scale")
                .scale(many)
                .colormap(Colormap::Gray),
        ))
}
