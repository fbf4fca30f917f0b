#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "virga/cli/terminal.h"

namespace virga::cli {

enum class Align { Left, Right };
// Whether a column gives way when the terminal is too narrow. What is meant to be copied keeps its width.
enum class Narrow { Shrink, Keep };

struct Column {
  std::string title;
  Align align = Align::Left;
  Narrow narrow = Narrow::Shrink;
};

struct Cell {
  std::string text;  // cleaned when it is printed
  Style style = Style::Plain;
};

// Rows under titles, aligned by what the eye sees. On a terminal, a row that would not fit has its widest columns cut,
// down to 8 characters each.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void add(std::vector<Cell> row);  // as many cells as columns
  bool empty() const { return rows_.empty(); }
  // Each line with its newline.
  std::string render(const Terminal& terminal) const;

 private:
  std::vector<std::size_t> widths(std::size_t limit) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace virga::cli
