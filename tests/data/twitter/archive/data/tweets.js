window.YTD.tweets.part0 = [
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000007919"
     ],
     "editableUntil": "2025-10-01T12:27:06.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "4",
   "id_str": "1700000000000007919",
   "id": "1700000000000007919",
   "truncated": false,
   "retweet_count": "1",
   "created_at": "Wed Oct 01 12:27:06 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 1",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000015838"
     ],
     "editableUntil": "2025-10-01T12:39:56.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "1",
   "id_str": "1700000000000015838",
   "id": "1700000000000015838",
   "truncated": false,
   "retweet_count": "1",
   "created_at": "Wed Oct 01 12:39:56 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 2",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000023757"
     ],
     "editableUntil": "2025-10-01T10:51:41.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "5",
   "id_str": "1700000000000023757",
   "id": "1700000000000023757",
   "truncated": false,
   "retweet_count": "1",
   "created_at": "Wed Oct 01 10:51:41 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 3",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000031676"
     ],
     "editableUntil": "2025-10-01T17:48:57.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "4",
   "id_str": "1700000000000031676",
   "id": "1700000000000031676",
   "truncated": false,
   "retweet_count": "0",
   "created_at": "Wed Oct 01 17:48:57 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 4",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000039595"
     ],
     "editableUntil": "2025-10-02T09:00:56.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "1",
   "id_str": "1700000000000039595",
   "id": "1700000000000039595",
   "truncated": false,
   "retweet_count": "0",
   "created_at": "Thu Oct 02 09:00:56 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 5",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000047514"
     ],
     "editableUntil": "2025-10-02T12:45:23.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "1",
   "id_str": "1700000000000047514",
   "id": "1700000000000047514",
   "truncated": false,
   "retweet_count": "2",
   "created_at": "Thu Oct 02 12:45:23 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 6",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000055433"
     ],
     "editableUntil": "2025-10-02T18:34:08.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "8",
   "id_str": "1700000000000055433",
   "id": "1700000000000055433",
   "truncated": false,
   "retweet_count": "2",
   "created_at": "Thu Oct 02 18:34:08 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 7",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000063352"
     ],
     "editableUntil": "2025-10-03T06:00:10.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "3",
   "id_str": "1700000000000063352",
   "id": "1700000000000063352",
   "truncated": false,
   "retweet_count": "0",
   "created_at": "Fri Oct 03 06:00:10 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 8",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000071271"
     ],
     "editableUntil": "2025-10-03T16:51:18.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "6",
   "id_str": "1700000000000071271",
   "id": "1700000000000071271",
   "truncated": false,
   "retweet_count": "2",
   "created_at": "Fri Oct 03 16:51:18 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 9",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000079190"
     ],
     "editableUntil": "2025-10-03T15:10:11.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "5",
   "id_str": "1700000000000079190",
   "id": "1700000000000079190",
   "truncated": false,
   "retweet_count": "0",
   "created_at": "Fri Oct 03 15:10:11 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 10",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000087109"
     ],
     "editableUntil": "2025-10-04T18:35:11.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "8",
   "id_str": "1700000000000087109",
   "id": "1700000000000087109",
   "truncated": false,
   "retweet_count": "0",
   "created_at": "Sat Oct 04 18:35:11 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 11",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000095028"
     ],
     "editableUntil": "2025-10-04T18:16:49.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "4",
   "id_str": "1700000000000095028",
   "id": "1700000000000095028",
   "truncated": false,
   "retweet_count": "1",
   "created_at": "Sat Oct 04 18:16:49 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 12",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000102947"
     ],
     "editableUntil": "2025-10-04T17:38:33.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "5",
   "id_str": "1700000000000102947",
   "id": "1700000000000102947",
   "truncated": false,
   "retweet_count": "2",
   "created_at": "Sat Oct 04 17:38:33 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 13",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000110866"
     ],
     "editableUntil": "2025-10-05T07:27:15.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "0",
   "id_str": "1700000000000110866",
   "id": "1700000000000110866",
   "truncated": false,
   "retweet_count": "0",
   "created_at": "Sun Oct 05 07:27:15 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 14",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000118785"
     ],
     "editableUntil": "2025-10-05T12:36:55.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "0",
   "id_str": "1700000000000118785",
   "id": "1700000000000118785",
   "truncated": false,
   "retweet_count": "0",
   "created_at": "Sun Oct 05 12:36:55 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 15",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000126704"
     ],
     "editableUntil": "2025-10-08T06:50:28.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "1",
   "id_str": "1700000000000126704",
   "id": "1700000000000126704",
   "truncated": false,
   "retweet_count": "2",
   "created_at": "Wed Oct 08 06:50:28 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 16",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000134623"
     ],
     "editableUntil": "2025-10-08T06:33:33.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "4",
   "id_str": "1700000000000134623",
   "id": "1700000000000134623",
   "truncated": false,
   "retweet_count": "2",
   "created_at": "Wed Oct 08 06:33:33 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 17",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000142542"
     ],
     "editableUntil": "2025-10-09T11:28:10.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "7",
   "id_str": "1700000000000142542",
   "id": "1700000000000142542",
   "truncated": false,
   "retweet_count": "2",
   "created_at": "Thu Oct 09 11:28:10 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 18",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000150461"
     ],
     "editableUntil": "2025-10-10T08:33:40.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "5",
   "id_str": "1700000000000150461",
   "id": "1700000000000150461",
   "truncated": false,
   "retweet_count": "2",
   "created_at": "Fri Oct 10 08:33:40 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 19",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000158380"
     ],
     "editableUntil": "2025-10-10T12:31:54.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "7",
   "id_str": "1700000000000158380",
   "id": "1700000000000158380",
   "truncated": false,
   "retweet_count": "1",
   "created_at": "Fri Oct 10 12:31:54 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 20",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000166299"
     ],
     "editableUntil": "2025-10-11T12:36:55.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "2",
   "id_str": "1700000000000166299",
   "id": "1700000000000166299",
   "truncated": false,
   "retweet_count": "2",
   "created_at": "Sat Oct 11 12:36:55 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 21",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000174218"
     ],
     "editableUntil": "2025-10-13T19:11:38.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "5",
   "id_str": "1700000000000174218",
   "id": "1700000000000174218",
   "truncated": false,
   "retweet_count": "2",
   "created_at": "Mon Oct 13 19:11:38 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 22",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000182137"
     ],
     "editableUntil": "2025-10-14T19:08:19.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "1",
   "id_str": "1700000000000182137",
   "id": "1700000000000182137",
   "truncated": false,
   "retweet_count": "2",
   "created_at": "Tue Oct 14 19:08:19 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 23",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000190056"
     ],
     "editableUntil": "2025-10-18T07:46:43.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "1",
   "id_str": "1700000000000190056",
   "id": "1700000000000190056",
   "truncated": false,
   "retweet_count": "2",
   "created_at": "Sat Oct 18 07:46:43 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 24",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000197975"
     ],
     "editableUntil": "2025-10-20T09:07:01.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "8",
   "id_str": "1700000000000197975",
   "id": "1700000000000197975",
   "truncated": false,
   "retweet_count": "1",
   "created_at": "Mon Oct 20 09:07:01 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 25",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000205894"
     ],
     "editableUntil": "2025-10-25T15:39:53.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "5",
   "id_str": "1700000000000205894",
   "id": "1700000000000205894",
   "truncated": false,
   "retweet_count": "1",
   "created_at": "Sat Oct 25 15:39:53 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 26",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000213813"
     ],
     "editableUntil": "2025-10-25T19:06:42.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "1",
   "id_str": "1700000000000213813",
   "id": "1700000000000213813",
   "truncated": false,
   "retweet_count": "2",
   "created_at": "Sat Oct 25 19:06:42 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 27",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000221732"
     ],
     "editableUntil": "2025-10-30T17:32:49.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "8",
   "id_str": "1700000000000221732",
   "id": "1700000000000221732",
   "truncated": false,
   "retweet_count": "0",
   "created_at": "Thu Oct 30 17:32:49 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 28",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000229651"
     ],
     "editableUntil": "2025-10-31T10:40:11.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "7",
   "id_str": "1700000000000229651",
   "id": "1700000000000229651",
   "truncated": false,
   "retweet_count": "2",
   "created_at": "Fri Oct 31 10:40:11 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 29",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000237570"
     ],
     "editableUntil": "2025-10-31T07:28:20.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "4",
   "id_str": "1700000000000237570",
   "id": "1700000000000237570",
   "truncated": false,
   "retweet_count": "0",
   "created_at": "Fri Oct 31 07:28:20 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 30",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000245489"
     ],
     "editableUntil": "2025-11-01T18:06:29.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "7",
   "id_str": "1700000000000245489",
   "id": "1700000000000245489",
   "truncated": false,
   "retweet_count": "2",
   "created_at": "Sat Nov 01 18:06:29 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 31",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000253408"
     ],
     "editableUntil": "2025-11-04T15:56:35.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "2",
   "id_str": "1700000000000253408",
   "id": "1700000000000253408",
   "truncated": false,
   "retweet_count": "1",
   "created_at": "Tue Nov 04 15:56:35 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 32",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000261327"
     ],
     "editableUntil": "2025-11-04T10:39:48.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "6",
   "id_str": "1700000000000261327",
   "id": "1700000000000261327",
   "truncated": false,
   "retweet_count": "0",
   "created_at": "Tue Nov 04 10:39:48 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 33",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000269246"
     ],
     "editableUntil": "2025-11-05T15:57:13.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "5",
   "id_str": "1700000000000269246",
   "id": "1700000000000269246",
   "truncated": false,
   "retweet_count": "1",
   "created_at": "Wed Nov 05 15:57:13 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 34",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000277165"
     ],
     "editableUntil": "2025-11-05T14:00:17.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "3",
   "id_str": "1700000000000277165",
   "id": "1700000000000277165",
   "truncated": false,
   "retweet_count": "1",
   "created_at": "Wed Nov 05 14:00:17 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 35",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000285084"
     ],
     "editableUntil": "2025-11-05T10:10:24.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "4",
   "id_str": "1700000000000285084",
   "id": "1700000000000285084",
   "truncated": false,
   "retweet_count": "2",
   "created_at": "Wed Nov 05 10:10:24 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 36",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000293003"
     ],
     "editableUntil": "2025-11-05T12:34:39.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "3",
   "id_str": "1700000000000293003",
   "id": "1700000000000293003",
   "truncated": false,
   "retweet_count": "1",
   "created_at": "Wed Nov 05 12:34:39 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 37",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000300922"
     ],
     "editableUntil": "2025-11-05T07:25:39.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "0",
   "id_str": "1700000000000300922",
   "id": "1700000000000300922",
   "truncated": false,
   "retweet_count": "0",
   "created_at": "Wed Nov 05 07:25:39 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 38",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000308841"
     ],
     "editableUntil": "2025-11-05T16:48:59.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "6",
   "id_str": "1700000000000308841",
   "id": "1700000000000308841",
   "truncated": false,
   "retweet_count": "0",
   "created_at": "Wed Nov 05 16:48:59 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 39",
   "lang": "en"
  }
 },
 {
  "tweet": {
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1700000000000316760"
     ],
     "editableUntil": "2025-11-05T15:08:16.000Z",
     "editsRemaining": "5",
     "isEditEligible": true
    }
   },
   "retweeted": false,
   "source": "<a href=\"https://mobile.twitter.com\" rel=\"nofollow\">Twitter Web App</a>",
   "entities": {
    "hashtags": [
     {
      "text": "sample",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "symbols": [],
    "user_mentions": [],
    "urls": []
   },
   "display_text_range": [
    "0",
    "40"
   ],
   "favorite_count": "3",
   "id_str": "1700000000000316760",
   "id": "1700000000000316760",
   "truncated": false,
   "retweet_count": "0",
   "created_at": "Wed Nov 05 15:08:16 +0000 2025",
   "favorited": false,
   "full_text": "#sample post number 40",
   "lang": "en"
  }
 }
]
