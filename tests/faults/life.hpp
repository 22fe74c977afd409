// One life of everything that is durable, in one process and one thread: a device that sees a stream and keeps
// versions, the outlet of its filter with a spool on the disk, an intake with its journal, a teacher that
// answers at once, a distiller with its store, and a compressor. Messages pass from core to core through here, with
// a fault point before and after each. What the device was told is written to a log as it is told, so that
// another process can judge whether it held.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace freshet::test {

struct life_options {
  std::filesystem::path model;  ///< folder of the student
  std::filesystem::path state;  ///< folder of everything else
  std::uint64_t samples = 24;   ///< positions of the stream
};

/// Goes on where a former life ended until the stream is learned. Empty when all is well, else what went wrong.
std::string live(const life_options& options);

/// What earlier lives left on the disk, judged against their log. Empty when everything holds:
///  - every sample that the device was told is accepted lies in the replay once, or in the journal;
///  - no sample lies in the replay twice;
///  - the student is at the newest version that was told or a later one, with the values that were told, and its
///    optimiser has gone as many steps;
///  - the device holds a version that was told, with the right hash.
/// `finished`: the last life ended well, so everything is learned and the device has the newest version.
std::string judge(const life_options& options, bool finished);

}  // namespace freshet::test
