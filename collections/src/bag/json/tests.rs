//! Whatever is read here is what `serde_json` reads, and whatever it refuses is refused in its words.

use std::{collections::BTreeMap, fmt::Debug};

use proptest::prelude::*;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{GIVEN_UP, from_str};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Person {
    id: u64,
    name: String,
    #[serde(default)]
    scores: Vec<f64>,
    #[serde(default)]
    note: Option<Box<Person>>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Named {
    name: String,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {
    name: (String, i8),
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "name")]
enum Tagged {
    A { id: i32 },
    B(BTreeMap<String, Any>),
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Any {
    Number(f32),
    Text(String),
    List(Vec<Any>),
    Rest(Value),
}

#[derive(Debug, PartialEq, Deserialize)]
enum Plain {
    A,
    B(u8),
    C { id: i64 },
}

#[derive(Debug, PartialEq, Deserialize)]
struct Flat {
    name: char,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// A type that goes on behind what it can't read.
#[derive(Debug, PartialEq, Deserialize)]
struct Lenient {
    #[serde(deserialize_with = "if_it_can")]
    id: Option<Vec<u8>>,
    name: Option<Value>,
}

fn if_it_can<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
    Ok(Vec::deserialize(deserializer).ok())
}

fn same<T: serde::de::DeserializeOwned + Debug>(text: &str) {
    let told = |read: serde_json::Result<T>| format!("{:?}", read.map_err(|error| error.to_string()));
    assert_eq!(told(from_str(text)), told(serde_json::from_str(text)), "{text:?}");
}

fn same_for_all(text: &str) {
    same::<Value>(text);
    same::<Person>(text);
    same::<Named>(text);
    same::<Strict>(text);
    same::<Tagged>(text);
    same::<Any>(text);
    same::<Plain>(text);
    same::<Flat>(text);
    same::<Lenient>(text);
    same::<Vec<Option<i64>>>(text);
    same::<BTreeMap<i16, bool>>(text);
    same::<BTreeMap<String, ()>>(text);
    same::<(u64, f64, String)>(text);
    same::<serde::de::IgnoredAny>(text);
    same::<Vec<Plain>>(text);
}

#[test]
fn texts_of_all_kinds_are_read_alike() {
    for text in [
        "",
        " ",
        "null",
        "nul",
        "true",
        "truely",
        "[]",
        "[ ]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{}",
        "{,}",
        r#"{"name":"x",}"#,
        r#"{"name" : "x" , "more":[{"a":[]},{"b":{}},[[]],-1.5e-3,0,1E9]} "#,
        r#"{"name":"x","more":01}"#,
        r#"{"name":"x","more":1.}"#,
        r#"{"name":"x","more":.5}"#,
        r#"{"name":"x","more":1e}"#,
        r#"{"name":"x","more":+1}"#,
        r#"{"name":"x","more":-}"#,
        r#"{"name":"x","more":[1,2}"#,
        r#"{"name":"x","more":{"a":1]}"#,
        r#"{"name":"x","more":{"a" 1}}"#,
        r#"{"name":"x","more":{1:1}}"#,
        r#"{"name":"x","more":{"a":1,}}"#,
        r#"{"name":"x","more":tru}"#,
        r#"{"name":"x","more":"\u12g4"}"#,
        r#"{"name":"x","more":"\ud800"}"#,
        r#"{"name":"x","more":"\x"}"#,
        r#"{"name":"x","more":"open}"#,
        "{\"name\":\"x\",\"more\":\"a\tb\"}",
        "{\"name\":\"a\nb\"}",
        "{\"name\":\"\u{7f}äöü\u{10ffff}\"}",
        r#"{"name":"\u00e4\n\"\\\/"}"#,
        r#"{"name":"\ud83d\ude00"}"#,
        r#"{"name":"\ud83d"}"#,
        r#"{"na\u006de":"x"}"#,
        r#"{"name":"x"}{"#,
        r#"{"name":"x"} ]"#,
        r#"{"name":"x","name":"y"}"#,
        r#"{"name":["x",-128]}"#,
        r#"{"name":["x",-129]}"#,
        r#"{"name":["x",1],"more":1}"#,
        r#"["x"]"#,
        r#"[["x",1]]"#,
        r#"{"name":"A","id":3}"#,
        r#"{"name":"B","id":3.5,"z":[1,"a",{"b":null}]}"#,
        r#""A""#,
        r#"{"B":7}"#,
        r#"{"B":700}"#,
        r#"{"C":{"id":-9}}"#,
        r#"["A",{"B":1},{"C":{"id":1}}]"#,
        r#"{"1":true,"-2":false}"#,
        r#"{"1":true,"x":false}"#,
        r#"{"-0":true}"#,
        r#"{"01":true}"#,
        r#"{" 1":true}"#,
        r#"{"name":"n","a":1,"b":2.5}"#,
        r#"{"id":[1,2,3],"name":1}"#,
        r#"{"id":[1,2,300],"name":1}"#,
        r#"{"id":"no","name":null}"#,
        r#"{"id":[1,[2]],"name":1}"#,
        r#"{"id":-0,"name":"x"}"#,
        r#"{"id":18446744073709551615,"name":"x"}"#,
        r#"{"id":18446744073709551616,"name":"x"}"#,
        r#"{"id":999999999999999999,"name":"x","scores":[1,2.5,-3e300,1e400]}"#,
        r#"{"id":1,"name":"x","scores":[1,2.5,-3e300,0.1],"note":{"id":2,"name":"y","note":null}}"#,
        "[1,null,-9223372036854775808]",
        "[-9223372036854775809]",
        "[1e2]",
        "[1,2.0,\"x\"]",
        "[18446744073709551615,-1.5,\"x\"]",
    ] {
        same_for_all(text);
    }
}

#[test]
fn depth_has_an_end() {
    for depth in [1, 50, 98, 99, 100, 101, 126, 127, 128, 129, 200, 5_000] {
        let list = "[".repeat(depth) + &"]".repeat(depth);
        let object = r#"{"a":"#.repeat(depth) + "1" + &"}".repeat(depth);
        for text in [&list, &object] {
            same_for_all(text);
            same::<Named>(&format!(r#"{{"x":{text},"name":"n"}}"#));
            same::<Person>(&format!(r#"{{"id":1,"x":{text},"name":"n"}}"#));
        }
    }
}

#[test]
fn ordinary_lines_are_read_here() {
    let before = GIVEN_UP.get();
    let line = r#"{"id": 876344, "name": "Kevin", "transactions": [{"transaction-id":83461,"amount":-4663}], "x": [1.5e3, "\n"]}"#;
    let person: Person = from_str(line).unwrap();
    assert_eq!((person.id, person.name.as_str()), (876_344, "Kevin"));
    let named: Named = from_str(line).unwrap();
    assert_eq!(named.name, "Kevin");
    assert_eq!(from_str::<Value>(line).unwrap()["x"][1], "\n");
    assert_eq!(GIVEN_UP.get(), before);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-1000i64..1000).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-z ]{0,20}".prop_map(Value::from),
    ];
    let name = || {
        prop_oneof![
            Just("name".to_owned()),
            Just("id".to_owned()),
            Just("note".to_owned()),
            "[a-z]{0,12}",
            any::<String>()
        ]
    };
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..6).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn values_are_read_alike(value in any_json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        same_for_all(&text.unwrap());
    }

    #[test]
    fn what_is_damaged_is_refused_alike(
        value in any_json(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0usize..3, prop::sample::select(br#"{}[]":,\ 0159-+.eE/tfnu"#.to_vec())), 1..4),
    ) {
        let mut bytes = serde_json::to_string(&value).unwrap().into_bytes();
        for (place, how, byte) in changes {
            let place = place.index(bytes.len() + 1);
            match how {
                0 => bytes.insert(place, byte),
                1 if place < bytes.len() => drop(bytes.remove(place)),
                2 if place < bytes.len() => bytes[place] = byte,
                _ => bytes.truncate(place),
            }
        }
        same_for_all(&String::from_utf8_lossy(&bytes));
    }
}
