#include "virga/cli/application.h"

int main(int count, char** arguments) {
  return virga::cli::run(count, arguments);
}
