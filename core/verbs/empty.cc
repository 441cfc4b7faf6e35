// keeps keelson_verbs a library until its first source is here
