#include "actors/assembly/model_pair.hpp"

#include "kernels/base/hex.hpp"

namespace freshet::actors {

result<void> check_teacher_sees(const std::string& student, bool student_sees, const std::string& teacher, bool teacher_sees) {
  if (!student_sees || teacher_sees) return {};
  return {errc::config, "teacher.model " + teacher + " is a decoder alone, which reads text only, and the student " + student +
                            " looks at pictures; a teacher with a vision tower is right"};
}

result<void> check_shared_encoder(const std::string& student, content_hash students, const std::string& teacher,
                                  content_hash teachers) {
  if (students == teachers) return {};
  return {errc::config, "features travel (uplink_filter.format), and the vision tower of teacher.model " + teacher + " (" +
                            hex_of(teachers) + ") is another than that of the student " + student + " (" + hex_of(students) +
                            "); format \"dct\" or \"patches\" is right, or a teacher with the student's tower, preprocessing "
                            "and vision_feature_layer"};
}

}  // namespace freshet::actors
