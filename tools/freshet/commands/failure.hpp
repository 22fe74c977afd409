// How a command says that it failed.
#pragma once

#include <iostream>
#include <string_view>

#include "kernels/base/error.hpp"
#include "tools/freshet/exit_codes.hpp"

namespace freshet::cli {

/// One line on standard error ("freshet bench wire: why"); returns the exit code.
inline int failed(std::string_view command, const error& why) {
  std::cerr << "freshet " << command << ": " << why.text() << '\n';
  return exit_failed;
}

}  // namespace freshet::cli
