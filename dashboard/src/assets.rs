//! The page itself: its files, built from `web/` and embedded. They hold nothing of any cluster.

/// Every file by its path, as the build script found them.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// A file of the page.
#[derive(Clone, Copy)]
pub(crate) struct Asset {
    pub(crate) content_type: &'static str,
    pub(crate) bytes: &'static [u8],
}

/// The file at a path of the address line; the page itself at `/`.
pub(crate) fn find(path: &str) -> Option<Asset> {
    let name = match path.strip_prefix('/')? {
        "" => "index.html",
        name => name,
    };
    let (name, bytes) = FILES.iter().find(|(known, _)| *known == name)?;
    Some(Asset { content_type: content_type(name), bytes })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "json" | "map" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_and_all_that_it_names_are_there() {
        let page = find("/").expect("the page is built: see dashboard/web");
        let text = std::str::from_utf8(page.bytes).unwrap();
        let mut named = 0;
        for part in text.split(['"', '\'']).filter(|part| part.starts_with('/') && part.contains('.')) {
            assert!(find(part).is_some(), "the page names {part}, which is not there");
            named += 1;
        }
        assert!(named >= 2, "a page with a script and a style sheet: {text}");
        assert!(find("/../Cargo.toml").is_none() && find("index.html").is_none() && find("/assets").is_none());
    }
}
