//! Exercise 1.7: how many numbers a ResNet learns.

use resnet::{Block, Config};

/// ## 1.7 How many parameters?
///
/// A parameter is a number that training changes. Counting them by hand leaves no part of the architecture in the dark.
///
/// ```math
/// convolution     in · out · k²              no bias: the batch norm after it would undo it
/// batch norm      2 · channels               scale and shift; running statistics are measured, not learned
/// fully connected features · classes + classes
/// ```
/// - `config`: `width` w; `blocks` per stage; `block`, basic or bottleneck; `stem`, whose `convolution()` is a window;
///   `classes`
/// - returns the number of parameters
///
/// Every convolution has a batch norm after it. Stage N has m = w · 2^(N−1) channels inside its blocks.
///
/// | part | convolutions |
/// |---|---|
/// | stem | 3 → w, 7×7 (ImageNet) or 3×3 (CIFAR) |
/// | basic block | in → m, 3×3; m → m, 3×3 |
/// | bottleneck | in → m, 1×1; m → m, 3×3; m → 4m, 1×1 |
/// | projection, if a block's input has other channels than its output, or its stride is 2 | in → out, 1×1 |
/// | fc | last out → classes, with bias |
///
/// ResNet-18: 11,689,512. 34: 21,797,672. 50: 25,557,032. 101: 44,549,160. 152: 60,192,808.
///
/// **Trap** The first block of stage 1 has a projection in ResNet-50 (64 → 256) and none in ResNet-18 (64 → 64).
/// **Source** He et al. 2015, table 1 and figure 5; the counts are torchvision's.
/// **Accepted by** `cargo test -p lesson01 -- ex1_7`
pub fn parameter_count(config: &Config) -> usize {
    let conv = |input: usize, output: usize, kernel: usize| {
        let batch_norm = 2 * output;
        input * output * kernel * kernel + batch_norm
    };
    let mut total = conv(3, config.width, config.stem.convolution().kernel);
    let mut input = config.width;
    for (stage, blocks) in config.blocks.into_iter().enumerate() {
        let middle = config.width << stage;
        for block in 0..blocks {
            let (output, branch) = match config.block {
                Block::Basic => (middle, conv(input, middle, 3) + conv(middle, middle, 3)),
                Block::Bottleneck => (
                    4 * middle,
                    conv(input, middle, 1) + conv(middle, middle, 3) + conv(middle, 4 * middle, 1),
                ),
            };
            let halves = stage > 0 && block == 0;
            let projection = if halves || input != output {
                conv(input, output, 1)
            } else {
                0
            };
            total += branch + projection;
            input = output;
        }
    }
    total + input * config.classes + config.classes
}
