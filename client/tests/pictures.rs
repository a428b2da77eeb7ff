//! Pictures of graphs.

use brisk_client::{Client, Delayed, task};

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

#[task]
fn add(x: i64, y: i64) -> i64 {
    x + y
}

#[task(name = "<b>\"x\"</b>")]
fn hostile(x: i64) -> i64 {
    x
}

/// Without the places in the source, which change.
fn without_places(dot: &str) -> String {
    dot.lines().map(|line| line.split(", tooltip").next().expect("the first part")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_diamond_has_its_shared_part_once() {
    let shared = inc(1);
    let total = add(inc(&shared), add(&shared, &shared));
    let expected = r#"digraph tasks {
  rankdir=TB;
  node [shape=box, style=rounded, fontname="sans-serif"];
  n0 [label="inc"
  n1 [label="add"
  n2 [label="inc"
  n3 [label="add"
  n0 -> n1;
  n0 -> n2;
  n2 -> n3;
  n1 -> n3;
}"#;
    assert_eq!(without_places(&total.to_dot()), expected);
    assert!(total.to_dot().contains("tooltip=\"client/tests/pictures.rs:"), "{}", total.to_dot());
}

#[test]
fn names_are_text_in_both_languages() {
    let svg = hostile(inc(1)).to_svg();
    assert!(svg.contains("&lt;b&gt;&quot;x&quot;&lt;/b&gt;") && !svg.contains("<b>"), "{svg}");
    assert_eq!((svg.matches("<rect ").count(), svg.matches("<path ").count()), (2, 1), "{svg}");
    assert!(hostile(1).to_dot().contains(r#"label="<b>\"x\"</b>""#));
}

#[test]
fn futures_are_told_from_calls() {
    let client = Client::sync();
    let future = client.submit(inc(1));
    let dot = add(&future, inc(2)).to_dot();
    assert!(dot.contains(&format!("label=\"{}\", shape=ellipse", future.name())), "{dot}");
    assert!(add(&future, 1).to_svg().contains("class=\"future\""));
}

#[test]
fn a_large_graph_is_drawn_in_few_boxes_however_deep_or_wide() {
    let mut level: Vec<Delayed<i64>> = (0..1_024).map(inc).collect();
    while level.len() > 1 {
        level = level.chunks(2).map(|pair| add(&pair[0], &pair[1])).collect();
    }
    let svg = level[0].to_svg();
    assert!(svg.contains(">inc × 1024<") && svg.contains(">add × 512<") && svg.contains(">add<"), "{svg}");
    assert_eq!(svg.matches("<rect ").count(), 11);

    let chain = (0..100_000).fold(inc(0), |x, _| inc(x));
    assert_eq!(chain.to_dot().matches("label=").count(), 100_001);
}
