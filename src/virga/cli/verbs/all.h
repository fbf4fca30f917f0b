#pragma once

#include <memory>

#include "virga/cli/verbs.h"

// Each verb's file defines two of these.
namespace virga::cli {

extern const char kDeployExamples[];
std::unique_ptr<Verb> make_deploy();
extern const char kDevExamples[];
std::unique_ptr<Verb> make_dev();
extern const char kDoctorExamples[];
std::unique_ptr<Verb> make_doctor();
extern const char kInvokeExamples[];
std::unique_ptr<Verb> make_invoke();
extern const char kListExamples[];
std::unique_ptr<Verb> make_list();
extern const char kLogsExamples[];
std::unique_ptr<Verb> make_logs();
extern const char kRedriveExamples[];
std::unique_ptr<Verb> make_redrive();
extern const char kRemoveExamples[];
std::unique_ptr<Verb> make_remove();
extern const char kRepairExamples[];
std::unique_ptr<Verb> make_repair();
extern const char kRollbackExamples[];
std::unique_ptr<Verb> make_rollback();
extern const char kServeExamples[];
std::unique_ptr<Verb> make_serve();
extern const char kStatusExamples[];
std::unique_ptr<Verb> make_status();

}  // namespace virga::cli
