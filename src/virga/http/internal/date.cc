#include "virga/http/internal/date.h"

#include <fmt/format.h>

#include <chrono>

namespace virga::http::internal {

std::string_view DateLine::text() {
  if (loop_.now() >= valid_until_) {
    using namespace std::chrono;
    constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    auto wall = loop_.clock().wall();
    auto second = floor<seconds>(wall);
    auto day = floor<days>(second);
    year_month_day date(day);
    hh_mm_ss time(second - day);
    auto written = fmt::format_to_n(text_.data(), text_.size(), "Date: {}, {:02} {} {:04} {:02}:{:02}:{:02} GMT\r\n",
                                    kDays[weekday(day).c_encoding()], static_cast<unsigned>(date.day()),
                                    kMonths[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                                    time.hours().count(), time.minutes().count(), time.seconds().count());
    size_ = std::min(written.size, text_.size());
    valid_until_ = loop_.now() + duration_cast<SteadyTime::duration>(second + seconds(1) - wall);
  }
  return {text_.data(), size_};
}

}  // namespace virga::http::internal
