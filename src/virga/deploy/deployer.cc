#include "virga/deploy/deployer.h"

#include <memory>

namespace virga::deploy {

io::Task<void> Deployer::run(std::function<void(catalog::Catalog&)> work) {
  catalog::Catalog& catalog = parts_.catalog;
  std::function<bool()> job = [&catalog, &work] {
    work(catalog);
    return true;
  };
  co_await parts_.workers.run<bool>(parts_.loop, std::move(job));
}

io::Task<Result<model::Package>> Deployer::add_package(std::string archive) {
  std::function<Result<model::Package>(catalog::Catalog&)> keep = [&archive](catalog::Catalog& catalog) {
    return catalog.add_package(archive);
  };
  VIRGA_CO_TRY_ASSIGN(auto package, co_await mutate<model::Package>(std::move(keep)));
  const auto id = package.ref.id;
  if (parts_.catalog.packages().is_unpacked(id)) co_return package;

  using StagingPointer = std::shared_ptr<catalog::Staging>;  // shared: std::function must be copyable
  std::function<Result<StagingPointer>(catalog::Catalog&)> stage =
      [id](catalog::Catalog& catalog) -> Result<StagingPointer> {
    VIRGA_TRY_ASSIGN(auto staging, catalog.packages().stage(id));
    return std::make_shared<catalog::Staging>(std::move(staging));
  };
  VIRGA_CO_TRY_ASSIGN(auto staging, co_await mutate<StagingPointer>(std::move(stage)));
  auto unpacked = co_await parts_.unpacker.unpack(std::move(archive), staging->path());
  if (!unpacked) co_return fail(std::move(unpacked).error());
  std::function<Result<std::string>(catalog::Catalog&)> put = [staging](catalog::Catalog& catalog) {
    return catalog.packages().keep(std::move(*staging));
  };
  VIRGA_CO_TRY(co_await mutate<std::string>(std::move(put)));
  co_return package;
}

}  // namespace virga::deploy
