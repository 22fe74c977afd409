#include "actors/assembly/shared_encoder.hpp"

#include "kernels/base/hex.hpp"

namespace freshet::actors {

result<void> check_shared_encoder(const std::string& student, content_hash students, const std::string& teacher,
                                  content_hash teachers) {
  if (students == teachers) return {};
  return {errc::config, "features travel (uplink_filter.format), and the vision tower of teacher.model " + teacher + " (" +
                            hex_of(teachers) + ") is another than that of the student " + student + " (" + hex_of(students) +
                            "); format \"dct\" or \"patches\" is right, or a teacher with the student's tower, preprocessing "
                            "and vision_feature_layer"};
}

}  // namespace freshet::actors
