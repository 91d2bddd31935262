// A small C interface over toml++: a document as a tree of values, each with its place in the file.
#pragma once
