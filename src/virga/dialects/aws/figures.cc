#include "virga/dialects/aws/figures.h"

namespace virga::dialects::aws {
namespace {

constexpr std::array<std::string_view, 3> kOutcomes = {"ok", "refused", "failed"};

std::size_t outcome_of(int status) {
  if (status < 400) return 0;
  return status < 500 ? 1 : 2;
}

}  // namespace

Figures::Figures(metrics::Registry& registry)
    : requests_(registry.counters("virga_aws_requests_total",
                                  "Requests to AWS services that were answered, by how: ok, refused (4xx) or failed "
                                  "(5xx). Those whose signature is wrong are in none.",
                                  {"service", "operation", "outcome"})) {}

void Figures::count(std::string_view service, std::string_view operation, int status) {
  auto outcome = outcome_of(status);
  auto& cell = cells_[{service, operation}][outcome];
  if (cell == nullptr) cell = requests_.with({service, operation, kOutcomes[outcome]});
  cell->add();
}

}  // namespace virga::dialects::aws
