// The pretraining program by itself, for machines without CAF and ZeroMQ (a GPU host, say).
#include <CLI/CLI.hpp>
#include <cstdio>

#include "tools/pretrain/pretrain.hpp"
#include "tools/pretrain/pretrain_options.hpp"

int main(int argc, char** argv) {
  CLI::App app{"Trains the teacher and the student of a pair."};
  freshet::tools::pretrain_request request;
  freshet::tools::add_pretrain_options(app, request);
  CLI11_PARSE(app, argc, argv);
  const auto done = freshet::tools::run_pretrain(request);
  if (!done.ok()) {
    std::fprintf(stderr, "freshet-pretrain: %s\n", done.err().text().c_str());
    return 1;
  }
  return 0;
}
