// A state file that is broken is never overwritten: it gets another name beside its own, for people to
// look at, and the name is told. Thread contract: free functions; one owner a file.
#pragma once

#include "kernels/base/result.hpp"

#include <filesystem>
#include <string>

namespace freshet::actors {

/// Renames the file to "<name>.<why>-N", N from 1, the first that is free; returns that name.
result<std::filesystem::path> put_aside(const std::filesystem::path& file, const std::string& why);

/// The same for a damaged database with its write-ahead log beside it.
result<std::filesystem::path> put_database_aside(const std::filesystem::path& file);

}  // namespace freshet::actors
