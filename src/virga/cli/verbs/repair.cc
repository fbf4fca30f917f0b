#include "virga/server/repair.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "virga/cli/options.h"
#include "virga/cli/verbs/all.h"

namespace virga::cli {

namespace {

class Repair final : public Verb {
 public:
  void declare(CLI::App& app) override { add(app, shared_, {Shared::Data, Shared::Json}); }
  bool wants_json() const override { return shared_.json; }

  Result<ExitCode> run(Console& console) override {
    auto data = shared_.data;
    if (data.empty()) {
      VIRGA_TRY_ASSIGN(data, default_data_directory());
    }
    VIRGA_TRY_ASSIGN(auto keys, server::repair(data));
    if (wants_json()) {
      boost::json::array names(keys.begin(), keys.end());
      console.out.line(boost::json::serialize(boost::json::object{{"data", data}, {"set_aside", std::move(names)}}));
      return ExitCode::Ok;
    }
    if (keys.empty()) console.out.line("nothing in " + data + " is damaged");
    for (const auto& key : keys) console.out.line("set aside: " + clean_line(key));
    return ExitCode::Ok;
  }

 private:
  SharedOptions shared_;
};

}  // namespace

const char kRepairExamples[] = "  virga repair --data /var/lib/virga\n";

std::unique_ptr<Verb> make_repair() {
  return std::make_unique<Repair>();
}

}  // namespace virga::cli
