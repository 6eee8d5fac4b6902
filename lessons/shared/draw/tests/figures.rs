//! Figures of every kind and size: drawn, inside their canvas, and the same after a trip through PNG.

use candle_core::{DType, Device, Result, Tensor};
use draw::image::{Rgb, RgbImage, open};
use draw::{
    Area, Arrow, Chart, Colormap, Diagram, Figure, Heatmap, ImagePanel, MapGrid, Node, PixelGrid, Region, Scale,
    Series, Share, Table, Theme, palette,
};

fn ramp(shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|i| i as f32 / count as f32).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// Pixels that are not paper.
fn ink(picture: &RgbImage) -> usize {
    picture.pixels().filter(|p| p.0 != [255; 3]).count()
}

fn has(picture: &RgbImage, color: draw::Rgb) -> bool {
    picture.pixels().any(|p| *p == Rgb(color))
}

#[track_caller]
fn refuses<T>(result: Result<T>, words: &str) {
    let message = result.err().expect("an error").to_string();
    assert!(
        message.contains("expected") && message.contains("got") && message.contains(words),
        "{message}"
    );
}

#[test]
fn text_is_really_drawn() {
    let blank = ImagePanel::from_image(RgbImage::from_pixel(4, 4, Rgb([255; 3])));
    let figure = |title: &str, caption: &str| {
        Figure::new(title)
            .caption(caption)
            .panel(blank.clone())
            .render()
            .unwrap()
    };
    let dark = |p: &RgbImage| p.pixels().filter(|p| p.0[0] < 150).count();
    let nothing = dark(&figure("", ""));
    let title = dark(&figure("Activation of unit 7", ""));
    let caption = dark(&figure("", "ResNet-18, site layer4"));
    assert_eq!(nothing, 0, "a blank panel has no dark pixels");
    assert!(title > 300, "only {title} dark pixels in the title");
    assert!(caption > 200, "only {caption} dark pixels in the caption");
}

#[test]
fn a_map_keeps_the_colours_of_its_cells() {
    let map = Tensor::new(&[[0f32, 1.0], [2.0, 4.0]], &Device::Cpu).unwrap();
    let picture = Figure::new("").panel(Heatmap::new(&map).unwrap()).render().unwrap();
    for value in [0f32, 0.25, 0.5, 1.0] {
        assert!(has(&picture, Colormap::Viridis.rgb(value)), "no cell for {value}");
    }
}

#[test]
fn nan_is_drawn_in_its_own_colour_and_constants_do_not_divide_by_zero() {
    let broken = Tensor::new(&[[f32::NAN, 1.0], [2.0, f32::INFINITY]], &Device::Cpu).unwrap();
    assert!(has(
        &Figure::new("").panel(Heatmap::new(&broken).unwrap()).render().unwrap(),
        Colormap::NAN
    ));
    let constant = Tensor::full(5f32, (3, 3), &Device::Cpu).unwrap();
    let picture = Figure::new("")
        .panel(Heatmap::new(&constant).unwrap())
        .render()
        .unwrap();
    assert!(has(&picture, Colormap::Viridis.rgb(0.5)) && !has(&picture, Colormap::NAN));
    let zero = Tensor::zeros((4, 3, 3, 3), DType::F32, &Device::Cpu).unwrap();
    let picture = Figure::new("")
        .panel(MapGrid::filters(&zero).unwrap())
        .render()
        .unwrap();
    assert!(has(&picture, [128; 3]), "a zero filter is grey");
}

/// Every kind of panel, from the given map, at its own size and on canvases of the given sizes.
fn every_kind(map: &Tensor, sizes: &[(u32, u32)]) -> Result<()> {
    let (h, w) = map.dims2()?;
    let rgb = map.unsqueeze(0)?.broadcast_as((3, h, w))?;
    let batch = rgb.unsqueeze(0)?.broadcast_as((5, 3, h, w))?;
    let long = "a title that is much longer than any panel of this figure could ever be wide";
    let figures = [
        Figure::new(long).panel(ImagePanel::new(&rgb)?.title(long).note(long)),
        Figure::new(long).panel(Heatmap::new(map)?.title(long).quantity(long).with_numbers()),
        Figure::new(long).panel(MapGrid::maps(&rgb)?.share(Share::All).labels([long; 3])),
        Figure::new(long).panel(MapGrid::filters(&batch)?.title(long).limit(4)),
        Figure::new(long).panel(MapGrid::images(&batch)?.labels([long; 9])),
        Figure::new(long).panel(
            Chart::over([long; 3])
                .log_y()
                .x_label(long)
                .y_label(long)
                .series(Series::over_index(long, [0.0, f64::NAN, 1e-30])),
        ),
        Figure::new(long).panel(Chart::over([long; 3]).bars(long, [0.0, -1e9, f64::NAN]).with_numbers()),
        Figure::new(long).panel(
            Chart::new()
                .series(Series::distribution(long, map, 3)?)
                .mark(long, 1e6)
                .log_y(),
        ),
        Figure::new(long).panel(PixelGrid::numbers(map)?.region(
            long,
            Region {
                x: -1.0,
                y: -1.0,
                width: 3.0,
                height: 300.0,
            },
        )),
        Figure::new(long).panel(
            Diagram::new()
                .area(Area::new(long))
                .node(Node::new("a", long).size([0.3, 0.3]))
                .node(Node::circle("b", long))
                .arrow(Arrow::new("a", "b").label(long)),
        ),
    ];
    for mut figure in figures {
        figure = figure.caption(long);
        assert!(ink(&figure.render()?) > 0);
        for &(width, height) in sizes {
            figure = figure.width(width).height(height);
            assert_eq!(figure.render()?.dimensions(), (width, height));
        }
    }
    Ok(())
}

#[test]
fn no_size_is_too_small_or_too_odd() {
    for shape in [[1, 1], [2, 40], [40, 1]] {
        every_kind(&ramp(&shape), &[(1, 1), (60, 40), (700, 90), (90, 700)]).unwrap();
    }
}

#[test]
fn nothing_is_drawn_into_the_margin() {
    for panels in [1, 3, 64] {
        let maps = || (0..panels).map(|i| Heatmap::new(&ramp(&[3, 4])).unwrap().title(format!("map {i}")));
        for figure in [
            Figure::new("many").panels(maps()),
            Figure::new("many").panels(maps()).height(500),
        ] {
            let picture = figure.render().unwrap();
            let (width, height) = picture.dimensions();
            let stray = picture
                .enumerate_pixels()
                .filter(|(x, y, p)| (*x < 20 || *y < 20 || *x >= width - 20 || *y >= height - 20) && p.0 != [255; 3])
                .count();
            assert_eq!(stray, 0, "{panels} panels on {width}×{height}");
        }
    }
}

#[test]
fn wrong_shapes_and_empty_figures_are_refused() {
    refuses(Figure::new("empty").render(), "at least one panel");
    refuses(
        Figure::new("huge").width(10_000).panel(PixelGrid::square(2)).render(),
        "10000",
    );
    refuses(Heatmap::new(&ramp(&[3])), "[3]");
    refuses(Heatmap::new(&ramp(&[0, 3])), "[0, 3]");
    refuses(ImagePanel::new(&ramp(&[1, 4, 4])), "[1, 4, 4]");
    refuses(MapGrid::maps(&ramp(&[4, 4])), "[4, 4]");
    refuses(MapGrid::filters(&ramp(&[4, 1, 3, 3])), "[4, 1, 3, 3]");
    refuses(MapGrid::images(&ramp(&[0, 3, 2, 2])), "[0, 3, 2, 2]");
    refuses(
        Scale::over(&[Tensor::full(f32::NAN, 3, &Device::Cpu).unwrap()]),
        "finite",
    );
    refuses(Series::histogram("", [0.0, 1.0], [1.0, 2.0]), "2 edges");
    refuses(Figure::new("").panel(Chart::new()).render(), "series");
    refuses(
        Figure::new("").panel(Chart::over(["a"]).bars("g", [1.0, 2.0])).render(),
        "got 2",
    );
    let lost = Diagram::new().node(Node::new("a", "A")).arrow(Arrow::new("a", "z"));
    refuses(Figure::new("").panel(lost).render(), "\"z\"");
}

#[test]
fn a_saved_figure_is_the_drawn_one_and_a_bad_path_is_named() {
    let folder = std::env::temp_dir().join(format!("draw-test-{}", std::process::id()));
    let figure = Figure::new("saved").panel(ImagePanel::new(&ramp(&[3, 9, 9])).unwrap());
    let path = figure.save(folder.join("deep/er/figure.png")).unwrap();
    assert_eq!(open(&path).unwrap().to_rgb8(), figure.render().unwrap());
    let message = figure.save(path.join("below_a_file.png")).unwrap_err().to_string();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(message.contains("below_a_file.png"), "{message}");
}

#[test]
fn a_table_shows_every_cell_and_refuses_a_row_of_another_length() {
    let table = |cell: &str| Table::new(["site", "mean"]).row(["conv1", cell]);
    let dark = |table: Table| {
        let picture = Figure::new("").panel(table).render().unwrap();
        picture.pixels().filter(|p| p.0[0] < 120).count()
    };
    let (empty, full) = (dark(table("")), dark(table("0.25")));
    assert!(full > empty + 20, "a cell added {empty} to {full} dark pixels");
    refuses(
        Figure::new("").panel(table("1").row(["bn1"])).render(),
        "cells in a row",
    );
}

#[test]
fn an_image_with_a_bar_shows_both_ends_of_its_colours() {
    let grey = Tensor::full(0.5f32, (3, 8, 8), &Device::Cpu).unwrap();
    let panel = ImagePanel::new(&grey).unwrap();
    let plain = Figure::new("").panel(panel.clone()).render().unwrap();
    let with_bar = Figure::new("")
        .panel(panel.bar(0.0, 2.0, Colormap::Magma))
        .render()
        .unwrap();
    for end in [0.0, 1.0] {
        let color = Colormap::Magma.rgb(end);
        assert!(!has(&plain, color) && has(&with_bar, color), "{color:?}");
    }
}

#[test]
fn an_interval_is_drawn_from_its_lower_to_its_upper_end() {
    let chart = |intervals: &[(f64, f64)]| {
        let series = Series::over_index("", [0.5, 0.5]).intervals(intervals.to_vec());
        let panel = Chart::new().series(series).y_range(0.0..=1.0);
        Figure::new("").panel(panel).render().unwrap()
    };
    let without = ink(&chart(&[]));
    let short = ink(&chart(&[(0.4, 0.6), (0.4, 0.6)]));
    let long = ink(&chart(&[(0.1, 0.9), (0.1, 0.9)]));
    assert!(
        without < short && short + 100 < long,
        "{without}, {short} and {long} pixels of ink"
    );
}

#[test]
fn a_dark_figure_has_dark_paper_and_the_same_map() {
    let map = ramp(&[4, 4]);
    let figure = |theme| {
        let panels = Figure::new("title")
            .caption("caption")
            .panel(Heatmap::new(&map).unwrap());
        panels.theme(theme).render().unwrap()
    };
    let (light, dark) = (figure(Theme::Light), figure(Theme::Dark));
    assert_eq!(light.get_pixel(0, 0).0, palette::WHITE);
    assert_eq!(dark.get_pixel(0, 0).0, Theme::Dark.ink(palette::WHITE));
    assert!(!has(&dark, palette::WHITE) && !has(&dark, palette::BLACK));
    assert_eq!(light.dimensions(), dark.dimensions());
    for value in [0f32, 1.0] {
        let color = Colormap::Viridis.rgb(value);
        assert!(has(&light, color) && has(&dark, color), "colormaps stay as they are");
    }
}

#[test]
fn charts_become_svg_and_pictures_do_not() {
    let chart = Chart::over(["a", "b & c"]).bars("x", [1.0, 2.0]).with_numbers();
    let figure = Figure::new("a < b").caption("from `here`").panel(chart);
    assert!(figure.is_vector());
    let svg = figure.svg().unwrap();
    for text in ["a &lt; b", "b &amp; c", "“here”", "<rect", "</svg>"] {
        assert!(svg.contains(text), "no {text} in {svg}");
    }
    let (width, height) = figure.render().unwrap().dimensions();
    assert!(
        svg.contains(&format!("width=\"{width}\" height=\"{height}\"")),
        "as large as the PNG"
    );
    let image = Figure::new("").panel(ImagePanel::new(&ramp(&[3, 2, 2])).unwrap());
    assert!(!image.is_vector() && image.svg().is_err());
}

/// Rows of the plot in which there is ink of this colour.
fn rows_of(picture: &RgbImage, color: draw::Rgb) -> usize {
    let rows = (0..picture.height()).filter(|&y| (0..picture.width()).any(|x| picture.get_pixel(x, y).0 == color));
    rows.count()
}

#[test]
fn bars_and_histograms_are_as_high_as_their_numbers() {
    let bar = |height: f64| {
        let chart = Chart::over(["a"]).bars("", [height]).y_range(0.0..=10.0);
        rows_of(&Figure::new("").panel(chart).render().unwrap(), palette::BLUE) as f64
    };
    let (two, eight) = (bar(2.0), bar(8.0));
    assert!((eight / two - 4.0).abs() < 0.1, "{two} and {eight} rows");
    let histogram = |count: f64| {
        let series = Series::histogram("", [0.0, 1.0], [count]).unwrap();
        rows_of(
            &Figure::new("")
                .panel(Chart::new().series(series).y_range(0.0..=10.0))
                .render()
                .unwrap(),
            palette::BLUE,
        )
    };
    assert!((histogram(5.0) as f64 - 2.5 * two).abs() < 4.0);
}

#[test]
fn a_distribution_counts_each_finite_value_once() {
    let values = Tensor::new(&[0f32, 0.1, 0.9, 1.0, f32::NAN], &Device::Cpu).unwrap();
    let chart = |tensor: &Tensor| {
        let series = Series::distribution("", tensor, 2).unwrap();
        Figure::new("").panel(Chart::new().series(series)).render().unwrap()
    };
    let finite = Tensor::new(&[0f32, 0.1, 0.9, 1.0], &Device::Cpu).unwrap();
    let (with_nan, without) = (chart(&values), chart(&finite));
    assert_eq!(rows_of(&with_nan, palette::BLUE), rows_of(&without, palette::BLUE));
    assert!(ink(&with_nan) > ink(&without), "the NaN is mentioned");
}
