#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "virga/dialects/aws/lambda/call.h"
#include "virga/http/message.h"
#include "virga/io/task.h"

namespace virga::dialects::aws::lambda {

// One operation of the API. `query` tells operations on the same path apart: "find=LayerVersion".
struct Operation {
  std::string_view name;
  std::string_view method;
  std::string_view path;
  std::string_view query;
  std::size_t body_limit;                     // bytes
  io::Task<http::Response> (*handler)(Call);  // null: known, and not built yet
};

// All 85 operations of botocore's model lambda/2015-03-31, by name, and two of Virga's own: DeployFunction and
// RollbackFunction.
std::span<const Operation> operations();

// The operations that are built, one function each, in the file of their resource.
io::Task<http::Response> create_function(Call call);
io::Task<http::Response> get_function(Call call);
io::Task<http::Response> get_function_configuration(Call call);
io::Task<http::Response> update_function_code(Call call);
io::Task<http::Response> update_function_configuration(Call call);
io::Task<http::Response> deploy_function(Call call);
io::Task<http::Response> rollback_function(Call call);
io::Task<http::Response> delete_function(Call call);
io::Task<http::Response> list_functions(Call call);
io::Task<http::Response> publish_version(Call call);
io::Task<http::Response> list_versions_by_function(Call call);
io::Task<http::Response> create_alias(Call call);
io::Task<http::Response> get_alias(Call call);
io::Task<http::Response> update_alias(Call call);
io::Task<http::Response> delete_alias(Call call);
io::Task<http::Response> list_aliases(Call call);
io::Task<http::Response> invoke(Call call);
io::Task<http::Response> invoke_async(Call call);
io::Task<http::Response> publish_layer_version(Call call);
io::Task<http::Response> get_layer_version(Call call);
io::Task<http::Response> get_layer_version_by_arn(Call call);
io::Task<http::Response> list_layers(Call call);
io::Task<http::Response> list_layer_versions(Call call);
io::Task<http::Response> delete_layer_version(Call call);
io::Task<http::Response> create_function_url_config(Call call);
io::Task<http::Response> get_function_url_config(Call call);
io::Task<http::Response> update_function_url_config(Call call);
io::Task<http::Response> delete_function_url_config(Call call);
io::Task<http::Response> list_function_url_configs(Call call);
io::Task<http::Response> put_function_concurrency(Call call);
io::Task<http::Response> get_function_concurrency(Call call);
io::Task<http::Response> delete_function_concurrency(Call call);
io::Task<http::Response> put_function_event_invoke_config(Call call);
io::Task<http::Response> update_function_event_invoke_config(Call call);
io::Task<http::Response> get_function_event_invoke_config(Call call);
io::Task<http::Response> delete_function_event_invoke_config(Call call);
io::Task<http::Response> list_function_event_invoke_configs(Call call);
io::Task<http::Response> create_event_source_mapping(Call call);
io::Task<http::Response> get_event_source_mapping(Call call);
io::Task<http::Response> list_event_source_mappings(Call call);
io::Task<http::Response> update_event_source_mapping(Call call);
io::Task<http::Response> delete_event_source_mapping(Call call);
io::Task<http::Response> tag_resource(Call call);
io::Task<http::Response> untag_resource(Call call);
io::Task<http::Response> list_tags(Call call);
io::Task<http::Response> put_provisioned_concurrency_config(Call call);
io::Task<http::Response> get_provisioned_concurrency_config(Call call);
io::Task<http::Response> delete_provisioned_concurrency_config(Call call);
io::Task<http::Response> list_provisioned_concurrency_configs(Call call);
io::Task<http::Response> get_account_settings(Call call);
io::Task<http::Response> add_permission(Call call);
io::Task<http::Response> remove_permission(Call call);
io::Task<http::Response> get_policy(Call call);

}  // namespace virga::dialects::aws::lambda
