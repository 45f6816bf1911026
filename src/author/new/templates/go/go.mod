module {{name}}

go 1.24

require probity v0.0.0

// `probity build` writes it: everything that a probe may ask and answer, with comments.
replace probity => ./.probity/go
