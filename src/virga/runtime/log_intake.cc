#include "virga/runtime/log_intake.h"

#include <algorithm>

namespace virga::runtime {

void LogIntake::append(std::string_view line, SteadyTime now, std::string& out) {
  std::chrono::duration<double> passed = now - refilled_;
  refilled_ = now;
  budget_ = std::min<double>(kBytesPerSecond, budget_ + passed.count() * kBytesPerSecond);
  auto size = line.size() + 1;
  if (budget_ < static_cast<double>(size)) {
    dropped_ += size;
    dropped_in_row_ += size;
    return;
  }
  budget_ -= static_cast<double>(size);
  if (dropped_in_row_ > 0) {
    out += "[virga] " + std::to_string(dropped_in_row_) + " bytes of log dropped: more than 1 MiB a second\n";
    dropped_in_row_ = 0;
  }
  out.append(line);
  out += '\n';
}

void LogIntake::add_bytes(std::string_view bytes, SteadyTime now, std::string& out) {
  while (true) {
    auto newline = bytes.find('\n');
    if (newline == std::string_view::npos) break;
    if (partial_.empty()) {
      append(bytes.substr(0, std::min(newline, kMaxLine)), now, out);
    } else {
      partial_.append(bytes.substr(0, newline));
      append(partial_, now, out);
      partial_.clear();
    }
    bytes.remove_prefix(newline + 1);
  }
  partial_.append(bytes);
  while (partial_.size() > kMaxLine) {
    append(std::string_view(partial_).substr(0, kMaxLine), now, out);
    partial_.erase(0, kMaxLine);
  }
}

void LogIntake::add_lines(std::string_view lines, SteadyTime now, std::string& out) {
  while (!lines.empty()) {
    auto newline = std::min(lines.find('\n'), lines.size());
    append(lines.substr(0, std::min(newline, kMaxLine)), now, out);
    lines.remove_prefix(std::min(newline + 1, lines.size()));
  }
}

void LogIntake::finish(SteadyTime now, std::string& out) {
  if (!partial_.empty()) append(partial_, now, out);
  partial_.clear();
}

}  // namespace virga::runtime
