#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace virga::cli {

enum class Style { Plain, Bold, Dim, Red, Green, Yellow, Blue, Magenta, Cyan };

// Where a verb writes people's text: standard output or standard error. Colours only on a terminal, and not when
// NO_COLOR is set or TERM is "dumb" (https://no-color.org). Borrows its descriptor; one thread.
class Terminal {
 public:
  explicit Terminal(int descriptor);
  // For tests and for what is known already.
  Terminal(int descriptor, bool colour, std::size_t width) : descriptor_(descriptor), colour_(colour), width_(width) {}

  // Writes all of it, as it is; a reader that has gone (EPIPE) is no error. False once the reader has gone.
  bool write(std::string_view text);
  bool line(std::string_view text = {});

  std::string style(Style style, std::string_view text) const;

  bool is_terminal() const { return width_ != 0; }
  bool has_colour() const { return colour_; }
  std::size_t width() const { return width_; }  // columns; 0: no terminal, so no limit

 private:
  int descriptor_;
  bool colour_ = false;
  std::size_t width_ = 0;
  bool gone_ = false;
};

// Text from elsewhere, made harmless for a terminal: escape sequences, control characters (but for newline and tab) and
// the characters that reorder text are removed, bytes that are not UTF-8 become U+FFFD.
std::string clean(std::string_view text);
// The same for one cell or message: newlines and tabs become spaces too.
std::string clean_line(std::string_view text);

// Columns that UTF-8 text takes; escape sequences must not be in it.
std::size_t display_width(std::string_view text);
// At most `width` columns, with "…" at the end of what was cut.
std::string truncate(std::string_view text, std::size_t width);

}  // namespace virga::cli
