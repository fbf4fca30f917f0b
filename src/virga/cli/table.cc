#include "virga/cli/table.h"

#include <algorithm>
#include <numeric>

#include "virga/base/assert.h"

namespace virga::cli {

namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kLeast = 8;

std::string pad(const std::string& styled, std::size_t visible, std::size_t width, Align align) {
  std::string space(width - std::min(width, visible), ' ');
  return align == Align::Left ? styled + space : space + styled;
}

void end_line(std::string& text) {
  while (!text.empty() && text.back() == ' ') text.pop_back();
  text += '\n';
}

}  // namespace

void Table::add(std::vector<Cell> row) {
  VIRGA_ASSERT(row.size() == columns_.size());
  for (auto& cell : row) cell.text = clean_line(cell.text);
  rows_.push_back(std::move(row));
}

std::vector<std::size_t> Table::widths(std::size_t limit) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = display_width(columns_[i].title);
    for (const auto& row : rows_) width = std::max(width, display_width(row[i].text));
    widths.push_back(width);
  }
  std::size_t total = std::accumulate(widths.begin(), widths.end(), kGap * (widths.size() - 1));
  while (limit != 0 && total > limit) {
    std::size_t* widest = nullptr;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      bool may_shrink = columns_[i].narrow == Narrow::Shrink && widths[i] > kLeast;
      if (may_shrink && (widest == nullptr || widths[i] > *widest)) widest = &widths[i];
    }
    if (widest == nullptr) break;
    --*widest;
    --total;
  }
  return widths;
}

std::string Table::render(const Terminal& terminal) const {
  auto column_widths = widths(terminal.width());
  std::string text;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    auto title = truncate(columns_[i].title, column_widths[i]);
    if (i > 0) text.append(kGap, ' ');
    text += pad(terminal.style(Style::Dim, title), display_width(title), column_widths[i], columns_[i].align);
  }
  end_line(text);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      auto shown = columns_[i].narrow == Narrow::Keep ? row[i].text : truncate(row[i].text, column_widths[i]);
      if (i > 0) text.append(kGap, ' ');
      text += pad(terminal.style(row[i].style, shown), display_width(shown), column_widths[i], columns_[i].align);
    }
    end_line(text);
  }
  return text;
}

}  // namespace virga::cli
