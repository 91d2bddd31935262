// A small C interface over toml++: a document as a tree of values, each with its place in the file.
// No exception leaves it, and no input, however hostile, makes it crash or recurse without bound.
// It must not know what wsrelay's keys are.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// What a node of the tree is.
typedef enum ctoml_type {
  CTOML_TABLE,
  CTOML_ARRAY,
  CTOML_STRING,
  CTOML_INTEGER,
  CTOML_FLOAT,
  CTOML_BOOLEAN,
  CTOML_DATE,
} ctoml_type;

// A place in the text. Lines and columns count from 1; a column is a code point.
typedef struct ctoml_position {
  uint32_t line;
  uint32_t column;
} ctoml_position;

// UTF-8 bytes without a terminator, owned by the document.
typedef struct ctoml_text {
  const char *bytes;
  size_t byte_count;
} ctoml_text;

typedef struct ctoml_document ctoml_document;
typedef struct ctoml_node ctoml_node;

// Reads a document. NULL only when memory has run out; free it with ctoml_free().
ctoml_document *ctoml_parse(const char *bytes, size_t byte_count);
void ctoml_free(ctoml_document *document);

// The root table, or NULL when the text is not TOML; then the two below say what and where.
const ctoml_node *ctoml_root(const ctoml_document *document);
ctoml_text ctoml_error_message(const ctoml_document *document);
ctoml_position ctoml_error_position(const ctoml_document *document);

ctoml_type ctoml_node_type(const ctoml_node *node);
ctoml_position ctoml_node_position(const ctoml_node *node);

// The key of a table's child; empty at 0:0 for the root and for elements of arrays.
ctoml_text ctoml_node_key(const ctoml_node *node);
ctoml_position ctoml_node_key_position(const ctoml_node *node);

// Children of a table in the order of their keys in the file, or of an array; 0 for all others.
size_t ctoml_child_count(const ctoml_node *node);
const ctoml_node *ctoml_child(const ctoml_node *node, size_t index);

// The value of a scalar; zero or empty when the node is of another type. A date is given as text.
ctoml_text ctoml_string(const ctoml_node *node);
int64_t ctoml_integer(const ctoml_node *node);
double ctoml_float(const ctoml_node *node);
bool ctoml_boolean(const ctoml_node *node);

#ifdef __cplusplus
}
#endif
