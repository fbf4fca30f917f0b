#include "virga/cli/verbs.h"

#include "virga/cli/verbs/all.h"

namespace virga::cli {

namespace {

constexpr VerbEntry kVerbs[] = {
    {"dev", "serve a folder's functions while you write them", kDevExamples, make_dev},
    {"serve", "run the server", kServeExamples, make_serve},
    {"deploy", "send a function to a server, or a folder of them", kDeployExamples, make_deploy},
    {"invoke", "call a function", kInvokeExamples, make_invoke},
    {"status", "show an asynchronous call: its attempts, its result", kStatusExamples, make_status},
    {"redrive", "try failed asynchronous calls again", kRedriveExamples, make_redrive},
    {"list", "show the functions of a server", kListExamples, make_list},
    {"logs", "show what a function wrote", kLogsExamples, make_logs},
    {"rm", "delete a function", kRemoveExamples, make_remove},
    {"rollback", "go back to the code and settings before the last deploy", kRollbackExamples, make_rollback},
    {"repair", "set damaged records of a data folder aside", kRepairExamples, make_repair},
    {"doctor", "say what this machine offers to Virga, and what is missing", kDoctorExamples, make_doctor},
};

}  // namespace

std::span<const VerbEntry> verbs() {
  return kVerbs;
}

}  // namespace virga::cli
