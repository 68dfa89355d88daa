window.YTD.direct_messages.part0 = [
 {
  "dmConversation": {
   "conversationId": "1-2",
   "messages": [
    {
     "messageCreate": {
      "id": "9",
      "text": "not for anybody",
      "createdAt": "2026-03-01T10:00:00.000Z"
     }
    }
   ]
  }
 }
]
