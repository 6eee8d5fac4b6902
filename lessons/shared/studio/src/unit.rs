//! A unit by its name: `layer3.5:20`.

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Tensor};
use resnet::ResNet;

use crate::near::near_name;

/// A channel of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// As in [`ResNet::sites`].
    pub site: String,
    /// Counted from 0.
    pub channel: usize,
}

/// Side of the image that says how many channels a site has.
const SIDE: usize = 32;

impl Unit {
    /// The unit of a network that is called like this: a site, a colon, a channel. A layer or a block stands for the sum at its
    /// end, before the ReLU, where a unit that is at rest has a gradient all the same.
    ///
    /// **Errors** if there is none; the error names what is near.
    pub(crate) fn find(typed: &str, network: &ResNet) -> Result<Self> {
        let parts = typed
            .rsplit_once(':')
            .map(|(site, channel)| (site.trim(), channel.trim()));
        let parsed = parts.and_then(|(site, channel)| Some((site, channel.parse::<usize>().ok()?)));
        let (name, channel) =
            parsed.with_context(|| format!("expected a site and a channel such as layer3.1:20, got {typed:?}"))?;
        let sites = network.sites();
        let is_there = |wanted: &str| sites.iter().any(|site| site == wanted);
        let end = sites.iter().rev().find(|site| {
            let block = site.strip_prefix(name).and_then(|rest| rest.strip_suffix(".add"));
            block.is_some_and(|block| block.is_empty() || block.starts_with('.') && !name.contains('.'))
        });
        let Some(site) = end.cloned().or_else(|| is_there(name).then(|| name.to_string())) else {
            match near_name(name, sites) {
                Some(near) => bail!("there is no site {name:?}; did you mean {near}?"),
                None => bail!("there is no site {name:?}; layer1 to layer4, blocks such as layer3.1 and fc are some"),
            }
        };
        let blank = Tensor::zeros((1, 3, SIDE, SIDE), DType::F32, &Device::Cpu)?;
        let channels = network.activation(&blank, &site)?.dim(1)?;
        if channel >= channels {
            bail!(
                "{site} has no channel {channel}: they are numbered 0 to {}",
                channels - 1
            );
        }
        Ok(Self { site, channel })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use resnet::Config;

    #[test]
    fn units_are_found_by_layer_block_and_site() {
        let network = ResNet::untrained(&Config::resnet18().width(4).classes(10), 1).unwrap();
        let found = |typed: &str| Unit::find(typed, &network).map(|unit| (unit.site, unit.channel));
        let site = |name: &str, channel| (name.to_string(), channel);
        assert_eq!(found("layer3:5").unwrap(), site("layer3.1.add", 5));
        assert_eq!(found("layer3.0:15").unwrap(), site("layer3.0.add", 15));
        assert_eq!(found("layer3.0.conv1:0").unwrap(), site("layer3.0.conv1", 0));
        assert_eq!(found(" fc : 9 ").unwrap(), site("fc", 9));
        let refused = |typed: &str| found(typed).unwrap_err().to_string();
        assert!(
            refused("layer3.0:16").contains("numbered 0 to 15"),
            "{}",
            refused("layer3.0:16")
        );
        assert!(
            refused("layer3.7:1").contains("did you mean layer3."),
            "{}",
            refused("layer3.7:1")
        );
        assert!(refused("layer3").contains("such as layer3.1:20"));
        assert!(refused("layer3:x").contains("such as layer3.1:20"));
        assert!(refused("everything:1").contains("no site"));
    }
}
