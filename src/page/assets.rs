//! The page's style and script, as files with addresses of their own: nothing comes from elsewhere, and nothing is inline.

/// A file that pages refer to.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    /// Where it is served.
    pub path: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// What it is.
    pub text: &'static str,
}

/// All of them.
pub const ASSETS: [Asset; 2] = [CSS, JS];

pub(super) const CSS: Asset = Asset {
    path: "/page/page.css",
    content_type: "text/css; charset=utf-8",
    text: include_str!("assets/page.css"),
};
pub(super) const JS: Asset = Asset {
    path: "/page/page.js",
    content_type: "text/javascript; charset=utf-8",
    text: include_str!("assets/page.js"),
};

impl Asset {
    /// What tells one content of it from another: pages ask for it, so that a browser may keep a file for ever.
    pub fn mark(&self) -> String {
        blake3::hash(self.text.as_bytes()).to_hex()[..12].to_owned()
    }

    /// The address by which pages refer to it.
    pub(super) fn address(&self) -> String {
        format!("{}?v={}", self.path, self.mark())
    }
}
