//! A graph as a picture that stands by itself: layers from the inputs down to the result.
//!
//! The order in a layer is that of the middle of what each box depends on, which keeps most arrows from crossing (the
//! barycentre method of Sugiyama, Tagawa and Toda, 1981): a few sweeps down and up.

use std::fmt::Write as _;

use super::{Drawn, Picture};

/// Sizes, in pixels.
const LETTER: usize = 8;
const MARGIN: usize = 12;
const HEIGHT: usize = 30;
const BETWEEN_LAYERS: usize = 44;
const BETWEEN_BOXES: usize = 16;

/// How often the layers are put in order, down and up.
const SWEEPS: usize = 4;

const STYLE: &str = "\
<style>
  rect { fill: #e8f0fe; stroke: #3b6fb6; }
  rect.future { fill: none; stroke-dasharray: 4 3; }
  text { font: 13px sans-serif; fill: #1a1a1a; text-anchor: middle; }
  path { fill: none; stroke: #7a7a7a; }
  @media (prefers-color-scheme: dark) {
    rect { fill: #1d2f4a; stroke: #7aa7e8; }
    text { fill: #eeeeee; }
    path { stroke: #9a9a9a; }
  }
</style>
";

/// Where a box stands: its middle, and its upper edge.
#[derive(Clone, Copy, Default)]
struct Spot {
    middle: usize,
    top: usize,
}

/// The picture.
pub(in crate::graph) fn svg(picture: &Picture) -> String {
    let (spots, width, height) = spots(picture);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\n{STYLE}"
    );
    for (from, to) in &picture.arrows {
        let (from, to) = (spots[*from], spots[*to]);
        let (start, end) = (from.top + HEIGHT, to.top);
        let bend = (start + end) / 2;
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "<path d=\"M{} {start} C{} {bend} {} {bend} {} {end}\"/>",
            from.middle, from.middle, to.middle, to.middle
        );
    }
    for (drawn, spot) in picture.boxes.iter().zip(&spots) {
        let (width, label) = (width_of(drawn), escaped(&drawn.label()));
        let class = if drawn.is_future() { " class=\"future\"" } else { "" };
        let (left, top, middle) = (spot.middle - width / 2, spot.top, spot.middle);
        let _ = writeln!(
            text,
            "<g><title>{}</title><rect{class} x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{HEIGHT}\" rx=\"6\"/>\
             <text x=\"{middle}\" y=\"{}\" dy=\"0.35em\">{label}</text></g>",
            escaped(&drawn.place),
            top + HEIGHT / 2,
        );
    }
    text.push_str("</svg>\n");
    text
}

fn width_of(drawn: &Drawn) -> usize {
    drawn.label().chars().count() * LETTER + 2 * MARGIN
}

/// Where each box stands, and how large the whole is.
fn spots(picture: &Picture) -> (Vec<Spot>, usize, usize) {
    let depth = picture.boxes.iter().map(|drawn| drawn.layer + 1).max().unwrap_or(0);
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); depth];
    for (n, drawn) in picture.boxes.iter().enumerate() {
        layers[drawn.layer].push(n);
    }
    let mut above: Vec<Vec<usize>> = vec![Vec::new(); picture.boxes.len()];
    let mut below = above.clone();
    for (from, to) in &picture.arrows {
        above[*to].push(*from);
        below[*from].push(*to);
    }
    let width = layers.iter().map(|layer| long(picture, layer)).max().unwrap_or(0);
    let mut spots = vec![Spot::default(); picture.boxes.len()];
    for (depth, layer) in layers.iter().enumerate() {
        stand(picture, layer, (width, depth), &mut spots);
    }
    for _ in 0..SWEEPS {
        for (depth, layer) in layers.iter_mut().enumerate() {
            sort(layer, &above, &spots);
            stand(picture, layer, (width, depth), &mut spots);
        }
        for (depth, layer) in layers.iter_mut().enumerate().rev() {
            sort(layer, &below, &spots);
            stand(picture, layer, (width, depth), &mut spots);
        }
    }
    (spots, width, depth.max(1) * (HEIGHT + BETWEEN_LAYERS) - BETWEEN_LAYERS + 2 * BETWEEN_BOXES)
}

/// How long a layer is.
fn long(picture: &Picture, layer: &[usize]) -> usize {
    layer.iter().map(|n| width_of(&picture.boxes[*n]) + BETWEEN_BOXES).sum::<usize>() + BETWEEN_BOXES
}

/// Sorts a layer by the middle of what each of its boxes is tied to in others. What is tied to nothing keeps its place.
fn sort(layer: &mut [usize], ties: &[Vec<usize>], spots: &[Spot]) {
    layer.sort_by_key(|n| {
        let tied = &ties[*n];
        let sum: usize = tied.iter().map(|other| spots[*other].middle).sum();
        sum.checked_div(tied.len()).unwrap_or(spots[*n].middle)
    });
}

/// Puts a layer's boxes side by side.
fn stand(picture: &Picture, layer: &[usize], (width, depth): (usize, usize), spots: &mut [Spot]) {
    let mut left = (width - long(picture, layer)) / 2 + BETWEEN_BOXES;
    for n in layer {
        let own = width_of(&picture.boxes[*n]);
        let top = BETWEEN_BOXES + depth * (HEIGHT + BETWEEN_LAYERS);
        spots[*n] = Spot { middle: left + own / 2, top };
        left += own + BETWEEN_BOXES;
    }
}

/// Text between tags.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_a_tag_is_text() {
        assert_eq!(escaped("<script>\"&\n"), "&lt;script&gt;&quot;&amp; ");
    }
}
