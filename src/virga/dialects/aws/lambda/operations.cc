#include "virga/dialects/aws/lambda/operations.h"

#include <array>

namespace virga::dialects::aws::lambda {
namespace {

constexpr std::size_t kSmallBody = 1 << 20;
// AWS takes requests of 70,167,211 bytes: 50 MB of archive in Base64, and what stands around it.
constexpr std::size_t kCodeBody = 70'167'211;
// More than a payload may have, so that the operation itself can say what is wrong with a payload just above the limit.
constexpr std::size_t kPayload = 8 << 20;

// clang-format off
constexpr std::array<Operation, 87> kOperations = {{
    {"AddLayerVersionPermission", "POST", "/2018-10-31/layers/{LayerName}/versions/{VersionNumber}/policy", "", kSmallBody, nullptr},
    {"AddPermission", "POST", "/2015-03-31/functions/{FunctionName}/policy", "", kSmallBody, add_permission},
    {"CheckpointDurableExecution", "POST", "/2025-12-01/durable-executions/{DurableExecutionArn}/checkpoint", "", kSmallBody, nullptr},
    {"CreateAlias", "POST", "/2015-03-31/functions/{FunctionName}/aliases", "", kSmallBody, create_alias},
    {"CreateCapacityProvider", "POST", "/2025-11-30/capacity-providers", "", kSmallBody, nullptr},
    {"CreateCodeSigningConfig", "POST", "/2020-04-22/code-signing-configs", "", kSmallBody, nullptr},
    {"CreateEventSourceMapping", "POST", "/2015-03-31/event-source-mappings", "", kSmallBody, create_event_source_mapping},
    {"CreateFunction", "POST", "/2015-03-31/functions", "", kCodeBody, create_function},
    {"CreateFunctionUrlConfig", "POST", "/2021-10-31/functions/{FunctionName}/url", "", kSmallBody, create_function_url_config},
    {"DeleteAlias", "DELETE", "/2015-03-31/functions/{FunctionName}/aliases/{Name}", "", kSmallBody, delete_alias},
    {"DeleteCapacityProvider", "DELETE", "/2025-11-30/capacity-providers/{CapacityProviderName}", "", kSmallBody, nullptr},
    {"DeleteCodeSigningConfig", "DELETE", "/2020-04-22/code-signing-configs/{CodeSigningConfigArn}", "", kSmallBody, nullptr},
    {"DeleteEventSourceMapping", "DELETE", "/2015-03-31/event-source-mappings/{UUID}", "", kSmallBody, delete_event_source_mapping},
    {"DeleteFunction", "DELETE", "/2015-03-31/functions/{FunctionName}", "", kSmallBody, delete_function},
    {"DeleteFunctionCodeSigningConfig", "DELETE", "/2020-06-30/functions/{FunctionName}/code-signing-config", "", kSmallBody, nullptr},
    {"DeleteFunctionConcurrency", "DELETE", "/2017-10-31/functions/{FunctionName}/concurrency", "", kSmallBody, delete_function_concurrency},
    {"DeleteFunctionEventInvokeConfig", "DELETE", "/2019-09-25/functions/{FunctionName}/event-invoke-config", "", kSmallBody, delete_function_event_invoke_config},
    {"DeleteFunctionUrlConfig", "DELETE", "/2021-10-31/functions/{FunctionName}/url", "", kSmallBody, delete_function_url_config},
    {"DeleteLayerVersion", "DELETE", "/2018-10-31/layers/{LayerName}/versions/{VersionNumber}", "", kSmallBody, delete_layer_version},
    {"DeleteProvisionedConcurrencyConfig", "DELETE", "/2019-09-30/functions/{FunctionName}/provisioned-concurrency", "", kSmallBody, delete_provisioned_concurrency_config},
    {"DeployFunction", "PUT", "/2015-03-31/functions/{FunctionName}/deployment", "", kCodeBody, deploy_function},
    {"GetAccountSettings", "GET", "/2016-08-19/account-settings", "", kSmallBody, get_account_settings},
    {"GetAlias", "GET", "/2015-03-31/functions/{FunctionName}/aliases/{Name}", "", kSmallBody, get_alias},
    {"GetCapacityProvider", "GET", "/2025-11-30/capacity-providers/{CapacityProviderName}", "", kSmallBody, nullptr},
    {"GetCodeSigningConfig", "GET", "/2020-04-22/code-signing-configs/{CodeSigningConfigArn}", "", kSmallBody, nullptr},
    {"GetDurableExecution", "GET", "/2025-12-01/durable-executions/{DurableExecutionArn}", "", kSmallBody, nullptr},
    {"GetDurableExecutionHistory", "GET", "/2025-12-01/durable-executions/{DurableExecutionArn}/history", "", kSmallBody, nullptr},
    {"GetDurableExecutionState", "GET", "/2025-12-01/durable-executions/{DurableExecutionArn}/state", "", kSmallBody, nullptr},
    {"GetEventSourceMapping", "GET", "/2015-03-31/event-source-mappings/{UUID}", "", kSmallBody, get_event_source_mapping},
    {"GetFunction", "GET", "/2015-03-31/functions/{FunctionName}", "", kSmallBody, get_function},
    {"GetFunctionCodeSigningConfig", "GET", "/2020-06-30/functions/{FunctionName}/code-signing-config", "", kSmallBody, nullptr},
    {"GetFunctionConcurrency", "GET", "/2019-09-30/functions/{FunctionName}/concurrency", "", kSmallBody, get_function_concurrency},
    {"GetFunctionConfiguration", "GET", "/2015-03-31/functions/{FunctionName}/configuration", "", kSmallBody, get_function_configuration},
    {"GetFunctionEventInvokeConfig", "GET", "/2019-09-25/functions/{FunctionName}/event-invoke-config", "", kSmallBody, get_function_event_invoke_config},
    {"GetFunctionRecursionConfig", "GET", "/2024-08-31/functions/{FunctionName}/recursion-config", "", kSmallBody, nullptr},
    {"GetFunctionScalingConfig", "GET", "/2025-11-30/functions/{FunctionName}/function-scaling-config", "", kSmallBody, nullptr},
    {"GetFunctionUrlConfig", "GET", "/2021-10-31/functions/{FunctionName}/url", "", kSmallBody, get_function_url_config},
    {"GetLayerVersion", "GET", "/2018-10-31/layers/{LayerName}/versions/{VersionNumber}", "", kSmallBody, get_layer_version},
    {"GetLayerVersionByArn", "GET", "/2018-10-31/layers", "find=LayerVersion", kSmallBody, get_layer_version_by_arn},
    {"GetLayerVersionPolicy", "GET", "/2018-10-31/layers/{LayerName}/versions/{VersionNumber}/policy", "", kSmallBody, nullptr},
    {"GetPolicy", "GET", "/2015-03-31/functions/{FunctionName}/policy", "", kSmallBody, get_policy},
    {"GetProvisionedConcurrencyConfig", "GET", "/2019-09-30/functions/{FunctionName}/provisioned-concurrency", "", kSmallBody, get_provisioned_concurrency_config},
    {"GetRuntimeManagementConfig", "GET", "/2021-07-20/functions/{FunctionName}/runtime-management-config", "", kSmallBody, nullptr},
    {"Invoke", "POST", "/2015-03-31/functions/{FunctionName}/invocations", "", kPayload, invoke},
    {"InvokeAsync", "POST", "/2014-11-13/functions/{FunctionName}/invoke-async", "", kPayload, invoke_async},
    {"InvokeWithResponseStream", "POST", "/2021-11-15/functions/{FunctionName}/response-streaming-invocations", "", kPayload, nullptr},
    {"ListAliases", "GET", "/2015-03-31/functions/{FunctionName}/aliases", "", kSmallBody, list_aliases},
    {"ListCapacityProviders", "GET", "/2025-11-30/capacity-providers", "", kSmallBody, nullptr},
    {"ListCodeSigningConfigs", "GET", "/2020-04-22/code-signing-configs", "", kSmallBody, nullptr},
    {"ListDurableExecutionsByFunction", "GET", "/2025-12-01/functions/{FunctionName}/durable-executions", "", kSmallBody, nullptr},
    {"ListEventSourceMappings", "GET", "/2015-03-31/event-source-mappings", "", kSmallBody, list_event_source_mappings},
    {"ListFunctionEventInvokeConfigs", "GET", "/2019-09-25/functions/{FunctionName}/event-invoke-config/list", "", kSmallBody, list_function_event_invoke_configs},
    {"ListFunctionUrlConfigs", "GET", "/2021-10-31/functions/{FunctionName}/urls", "", kSmallBody, list_function_url_configs},
    {"ListFunctionVersionsByCapacityProvider", "GET", "/2025-11-30/capacity-providers/{CapacityProviderName}/function-versions", "", kSmallBody, nullptr},
    {"ListFunctions", "GET", "/2015-03-31/functions", "", kSmallBody, list_functions},
    {"ListFunctionsByCodeSigningConfig", "GET", "/2020-04-22/code-signing-configs/{CodeSigningConfigArn}/functions", "", kSmallBody, nullptr},
    {"ListLayerVersions", "GET", "/2018-10-31/layers/{LayerName}/versions", "", kSmallBody, list_layer_versions},
    {"ListLayers", "GET", "/2018-10-31/layers", "", kSmallBody, list_layers},
    {"ListProvisionedConcurrencyConfigs", "GET", "/2019-09-30/functions/{FunctionName}/provisioned-concurrency", "List=ALL", kSmallBody, list_provisioned_concurrency_configs},
    {"ListTags", "GET", "/2017-03-31/tags/{Resource}", "", kSmallBody, list_tags},
    {"ListVersionsByFunction", "GET", "/2015-03-31/functions/{FunctionName}/versions", "", kSmallBody, list_versions_by_function},
    {"PublishLayerVersion", "POST", "/2018-10-31/layers/{LayerName}/versions", "", kCodeBody, publish_layer_version},
    {"PublishVersion", "POST", "/2015-03-31/functions/{FunctionName}/versions", "", kSmallBody, publish_version},
    {"PutFunctionCodeSigningConfig", "PUT", "/2020-06-30/functions/{FunctionName}/code-signing-config", "", kSmallBody, nullptr},
    {"PutFunctionConcurrency", "PUT", "/2017-10-31/functions/{FunctionName}/concurrency", "", kSmallBody, put_function_concurrency},
    {"PutFunctionEventInvokeConfig", "PUT", "/2019-09-25/functions/{FunctionName}/event-invoke-config", "", kSmallBody, put_function_event_invoke_config},
    {"PutFunctionRecursionConfig", "PUT", "/2024-08-31/functions/{FunctionName}/recursion-config", "", kSmallBody, nullptr},
    {"PutFunctionScalingConfig", "PUT", "/2025-11-30/functions/{FunctionName}/function-scaling-config", "", kSmallBody, nullptr},
    {"PutProvisionedConcurrencyConfig", "PUT", "/2019-09-30/functions/{FunctionName}/provisioned-concurrency", "", kSmallBody, put_provisioned_concurrency_config},
    {"PutRuntimeManagementConfig", "PUT", "/2021-07-20/functions/{FunctionName}/runtime-management-config", "", kSmallBody, nullptr},
    {"RemoveLayerVersionPermission", "DELETE", "/2018-10-31/layers/{LayerName}/versions/{VersionNumber}/policy/{StatementId}", "", kSmallBody, nullptr},
    {"RemovePermission", "DELETE", "/2015-03-31/functions/{FunctionName}/policy/{StatementId}", "", kSmallBody, remove_permission},
    {"RollbackFunction", "POST", "/2015-03-31/functions/{FunctionName}/rollback", "", kSmallBody, rollback_function},
    {"SendDurableExecutionCallbackFailure", "POST", "/2025-12-01/durable-execution-callbacks/{CallbackId}/fail", "", kSmallBody, nullptr},
    {"SendDurableExecutionCallbackHeartbeat", "POST", "/2025-12-01/durable-execution-callbacks/{CallbackId}/heartbeat", "", kSmallBody, nullptr},
    {"SendDurableExecutionCallbackSuccess", "POST", "/2025-12-01/durable-execution-callbacks/{CallbackId}/succeed", "", kSmallBody, nullptr},
    {"StopDurableExecution", "POST", "/2025-12-01/durable-executions/{DurableExecutionArn}/stop", "", kSmallBody, nullptr},
    {"TagResource", "POST", "/2017-03-31/tags/{Resource}", "", kSmallBody, tag_resource},
    {"UntagResource", "DELETE", "/2017-03-31/tags/{Resource}", "", kSmallBody, untag_resource},
    {"UpdateAlias", "PUT", "/2015-03-31/functions/{FunctionName}/aliases/{Name}", "", kSmallBody, update_alias},
    {"UpdateCapacityProvider", "PUT", "/2025-11-30/capacity-providers/{CapacityProviderName}", "", kSmallBody, nullptr},
    {"UpdateCodeSigningConfig", "PUT", "/2020-04-22/code-signing-configs/{CodeSigningConfigArn}", "", kSmallBody, nullptr},
    {"UpdateEventSourceMapping", "PUT", "/2015-03-31/event-source-mappings/{UUID}", "", kSmallBody, update_event_source_mapping},
    {"UpdateFunctionCode", "PUT", "/2015-03-31/functions/{FunctionName}/code", "", kCodeBody, update_function_code},
    {"UpdateFunctionConfiguration", "PUT", "/2015-03-31/functions/{FunctionName}/configuration", "", kSmallBody, update_function_configuration},
    {"UpdateFunctionEventInvokeConfig", "POST", "/2019-09-25/functions/{FunctionName}/event-invoke-config", "", kSmallBody, update_function_event_invoke_config},
    {"UpdateFunctionUrlConfig", "PUT", "/2021-10-31/functions/{FunctionName}/url", "", kSmallBody, update_function_url_config},
}};
// clang-format on

}  // namespace

std::span<const Operation> operations() {
  return kOperations;
}

}  // namespace virga::dialects::aws::lambda
