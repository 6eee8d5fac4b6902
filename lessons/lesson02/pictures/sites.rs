//! The sites of the pictures.

use resnet::ResNet;

/// The layers of the pictures that show a few.
pub const LAYERS: [&str; 5] = ["relu", "layer1", "layer2", "layer3", "layer4"];

/// Where a ReLU stands behind the stem and behind each block: the site before it, and the site after it.
pub fn relus(network: &ResNet) -> Vec<(String, String)> {
    let mut found = vec![("bn1".to_string(), "relu".to_string())];
    for site in network.sites() {
        if let Some(block) = site.strip_suffix(".add") {
            found.push((site.clone(), block.to_string()));
        }
    }
    found
}

/// `layer1.0` as `1.0`, for an axis.
pub fn short(site: &str) -> String {
    site.trim_start_matches("layer").to_string()
}
