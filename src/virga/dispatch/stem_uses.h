#pragma once

#include "virga/catalog/catalog.h"
#include "virga/io/loop.h"
#include "virga/runtime/runtimes.h"
#include "virga/runtime/stems.h"

namespace virga::dispatch {

// Tells the stems which kinds the functions of the catalog use, from its beginning on. One loop; all parts outlive it.
class StemUses {
 public:
  struct Parts {
    io::Loop& loop;
    catalog::Catalog& catalog;
    const runtime::Runtimes& runtimes;
    runtime::Stems& stems;
  };

  explicit StemUses(Parts parts);

 private:
  void add(const catalog::FunctionEntry& function);
  void drop(const catalog::FunctionEntry& function);

  Parts parts_;
  catalog::Watch watch_;
};

}  // namespace virga::dispatch
