//! 5.3 and 5.4: one map per class.

use anyhow::Result;
use draw::Figure;
use lesson05::grad_cam;
use studio::Material;

use super::view::{View, class};

pub fn draw(material: &Material) -> Result<Figure> {
    let network = material.network();
    let mut figure = Figure::new("One image, two questions").caption(format!(
        "{}. Left: the input. Then your grad_cam (5.3) at layer4 for each class asked for, laid over it by your \
         overlay (5.4): magma, from 0 to the map's maximum, in units of the logit. Below: how probable the network finds the \
         class.",
        material.network_name()
    ));
    let (mut names, mut columns) = (vec![], 0);
    for index in [2, 5] {
        let view = View::new(material, index)?;
        if names.contains(&view.name) {
            continue; // there is only one photo
        }
        figure = figure.panel(view.image()?.title(&view.name));
        for guess in &view.questions {
            let map = grad_cam(network, &view.input()?, &class(guess), "layer4")?.get(0)?;
            figure = figure.panel(view.answer(&map, format!("where is the {}?", guess.short_name()), guess)?);
        }
        columns = 1 + view.questions.len();
        names.push(view.name);
    }
    Ok(figure.columns(columns).width(240 * columns as u32))
}
