#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "virga/telemetry/metrics.h"

namespace virga::metrics {

// One name of the exposition: its HELP and TYPE lines, and a line or more for each of its cells.
class Registry::Entry {
 public:
  Entry(std::string name, std::string help) : name_(std::move(name)), help_(std::move(help)) {}
  virtual ~Entry() = default;

  const std::string& name() const { return name_; }
  void expose(std::string& out) const;

 protected:
  virtual std::string_view type() const = 0;
  virtual void expose_cells(std::string& out) const = 0;
  // `suffix` goes behind the name, `labels` is `a="b",c="d"` or empty.
  void expose_line(std::string& out, std::string_view suffix, std::string_view labels, std::string_view value) const;

 private:
  const std::string name_;
  const std::string help_;
};

bool is_metric_name(std::string_view name);
bool is_label_name(std::string_view name);
// `a="b",c="d"`, with backslash, quote and newline escaped and bytes that are not UTF-8 replaced.
std::string label_text(const std::vector<std::string>& names, const std::vector<std::string>& values);
// The shortest decimal that reads back the same; +Inf, -Inf, NaN.
std::string number_text(double value);

}  // namespace virga::metrics
