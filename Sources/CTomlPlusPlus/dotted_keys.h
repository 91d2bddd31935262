// A lexical look at a text before it is parsed: does any dotted key go deeper than is sane?
// It must agree with TOML on where strings and comments begin and end, up to the first error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

struct text_place {
  uint32_t line;
  uint32_t column;
};

// The place of the first dot that makes a key too deep, if there is one. A key is whatever lies
// between two of `= , [ ] { }` and line ends, outside strings and comments.
inline std::optional<text_place> first_overlong_dotted_key(std::string_view text) {
  constexpr size_t maximum_dot_count = 31;
  size_t dot_count = 0, index = 0, line_start = 0;
  uint32_t line = 1;
  const auto starts_with = [&](std::string_view word) {
    return text.substr(index, word.size()) == word;
  };
  while (index < text.size()) {
    const char byte = text[index];
    if (byte == '\n') {
      line += 1;
      dot_count = 0;
      line_start = ++index;
    } else if (byte == '#') {
      while (index < text.size() && text[index] != '\n') index += 1;
    } else if (starts_with("\"\"\"") || starts_with("'''")) {
      const auto quotes = text.substr(index, 3);
      index += 3;
      while (index < text.size() && !starts_with(quotes)) {
        if (text[index] == '\\' && byte == '"') index += 1;
        if (index < text.size() && text[index] == '\n') line += 1, line_start = index + 1;
        index += 1;
      }
      index += 3;
      // Up to two more quotes belong to the string's content.
      for (int extra = 0; extra < 2 && index < text.size() && text[index] == byte; extra++) {
        index += 1;
      }
    } else if (byte == '"' || byte == '\'') {
      index += 1;
      while (index < text.size() && text[index] != byte && text[index] != '\n') {
        if (text[index] == '\\' && byte == '"') index += 1;
        index += 1;
      }
      if (index < text.size() && text[index] == byte) index += 1;
    } else if (byte == '.') {
      dot_count += 1;
      index += 1;
      if (dot_count > maximum_dot_count) {
        return text_place{line, static_cast<uint32_t>(index - line_start)};
      }
    } else {
      if (std::string_view("=,[]{}").find(byte) != std::string_view::npos) dot_count = 0;
      index += 1;
    }
  }
  return std::nullopt;
}
